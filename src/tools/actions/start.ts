import { SubagentsError } from '../../contract/index.ts';
import { askBeforeStart, startByHuman, workerLacks } from '../../prompts/index.ts';
import type { ToolContext } from '../tool.ts';
import type { Action } from './action.ts';

/**
 * Starts server and worker in the background, if the human has agreed. Reports first which variables such a worker
 * would lack. A worker without a model is not started, because it would occupy the home.
 */
export const startAction: Action = async (context, { allowed }) => {
  const { model, variables } = (await runs(context)) ? READY : await context.missingAccess();
  const command = `\`${context.upCommand}\``;
  if (model !== undefined) {
    throw new SubagentsError(
      'NO_MODEL',
      `nothing is started: a worker started from here would have ${model}`,
      {
        remedy: startByHuman(command),
      },
    );
  }
  const lacks = variables.length === 0 ? '' : workerLacks(variables, command);
  if (allowed !== true) {
    throw new SubagentsError('BAD_INPUT', 'nothing is started without the human’s agreement', {
      remedy: askBeforeStart(lacks),
    });
  }
  if (lacks !== '') context.progress(lacks);
  const note = [await context.start(context.progress), ...(lacks === '' ? [] : [lacks])].join('. ');
  return { text: note, structured: { notes: [note] } };
};

const READY = { model: undefined, variables: [] };

/** Whether a worker polls already. */
async function runs(context: ToolContext): Promise<boolean> {
  try {
    return await (await context.connect()).hasWorkers();
  } catch {
    return false;
  }
}
