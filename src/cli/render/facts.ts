import { COPILOT_PATH_VARIABLE, findCopilot } from '../../copilot/executable.ts';
import { describeModelAccess } from '../../copilot/model-access.ts';
import type { Context } from '../context.ts';
import { failureOf } from '../failure.ts';

/** Says which model there is, and plainly when there is none, or no Copilot CLI. */
export async function tellModelAccess({ output, env }: Context): Promise<void> {
  const { colors } = output;
  try {
    await findCopilot(env[COPILOT_PATH_VARIABLE]);
  } catch (error) {
    const { message, remedy } = failureOf(error);
    output.fact('Copilot', colors.yellow(message));
    output.fact('', `${colors.cyan('→')} ${remedy ?? 'install it again'}`);
  }
  const { kind, words, remedy } = await describeModelAccess(env);
  output.fact('model', kind === 'none' ? colors.yellow(`none: ${words}`) : words);
  if (remedy !== undefined) output.fact('', `${colors.cyan('→')} ${remedy}`);
}
