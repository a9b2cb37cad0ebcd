/** `sessions_chain`: starts a chain of steps that build on each other. */
import { z } from 'zod';
import { chainSpec, requestId, stepLabel, SubagentsError, type ChainSpec } from '../contract/index.ts';
import { identity } from '../contract/reports/identity.ts';
import { spawnAccepted } from '../contract/reports/spawned.ts';
import { workflowUrl } from '../client/connection/links.ts';
import {
  READY_MADE,
  readyMadeChain,
  type ReadyMade,
  type ReadyMadeName,
} from '../client/chains/ready-made.ts';
import { notesText } from './notes.ts';
import { chainAcceptedLine } from '../prompts/index.ts';
import { defineTool } from './tool.ts';
import { startedView } from './view.ts';

const NAMES = Object.keys(READY_MADE) as [ReadyMadeName, ...ReadyMadeName[]];

const input = chainSpec.extend({
  requestId: requestId.optional(),
  steps: chainSpec.shape.steps
    .optional()
    .describe('in order; each step needs the previous one, unless `needs` says otherwise'),
  ready: z.enum(NAMES).optional().describe('a ready-made chain, instead of steps'),
  values: z
    .record(z.string(), z.string())
    .optional()
    .describe('values for the params of the chain, or of the ready-made chain'),
});

const output = identity.omit({ runId: true }).extend({
  repeated: spawnAccepted.shape.repeated,
  ...startedView.shape,
  steps: z.array(z.string()).describe('the label of each step'),
});

const DESCRIPTION = `Delegates several steps that build on each other, each a subagent of its own: research, then implementation; the same change in several repositories; reviews side by side, then one summary. Answers at once, and refuses an invalid chain before anything starts.

Each step needs the one before it, unless "needs" names others ([] for none: side by side). A task quotes the results of steps that it needs: {{research.report}}, {{research.branch}}, {{research.outcome.evidence.filesChanged}}; quoted text arrives as data. A step with "output", a JSON schema, reports data that is valid against it: {{plan.output.title}}, and "forEach": "plan.output.files". Files that a step names in "artifacts" are quoted whole: {{plan.artifacts.docs/plan.md}}. "from" starts a step from the branch of another, "forEach" runs it once for each entry of a list, "until": "first" ends the chain with the first step that is done.
Each task must be as explicit as one for sessions_spawn: a step knows nothing but its task. Use sessions_spawn for tasks that do not build on each other, and do small things yourself.
Ready-made, with "ready" and "values" instead of steps: ${Object.entries<ReadyMade>(READY_MADE)
  .map(([name, { description, params }]) => `${name} (${Object.keys(params).join(', ')}): ${description}`)
  .join('; ')}.
A failed step stops the steps that need it; the others continue. The chain is a target of the tool "subagents" (show, kill, wait), and so is each step, as label.step (steer, logs, kill). Completions of the steps and of the chain come to you: do not poll.`;

/** The tool `sessions_chain`. */
export const sessionsChain = defineTool({
  name: 'sessions_chain',
  title: 'Chain subagents',
  description: DESCRIPTION,
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  async handle(context, given) {
    const { requestId: id, ...chain } = given;
    const { spec, params } = await chainOf(chain, context.cwd);
    const subagents = await context.connect();
    const session = subagents.session(context.session);
    const { label, run, workflowId, runId, notes, repeated } = await session.chain(spec, {
      cwd: context.cwd,
      title: context.title,
      params,
      requestId: id,
    });
    const link = workflowUrl(subagents.target, workflowId, runId);
    const steps = spec.steps.map(({ id }) => stepLabel(label, id));
    const words = notesText(`${label}@${run}`, notes);
    return {
      text: [
        chainAcceptedLine({ label, run, workflowId, repeated }, steps),
        ...(link === undefined ? [] : [`  ${link}`]),
        ...(words === undefined ? [] : [words]),
        context.arrival,
      ].join('\n'),
      structured: {
        session: context.session,
        label,
        run,
        workflowId,
        steps,
        ...(repeated && { repeated }),
        ...(link !== undefined && { link }),
        ...(words !== undefined && { words }),
      },
    };
  },
});

/**
 * The requested chain, and values for its parameters.
 * @throws SubagentsError BAD_INPUT, and what `readyMadeChain` throws
 */
async function chainOf(
  { ready, values = {}, steps, ...rest }: Omit<z.input<typeof input>, 'requestId'>,
  cwd: string,
): Promise<{ readonly spec: ChainSpec; readonly params: Readonly<Record<string, string>> }> {
  const { label, ...more } = rest;
  if (ready !== undefined && steps === undefined && Object.keys(more).length === 0)
    return { spec: await readyMadeChain(ready, values, { label, cwd }), params: {} };
  if (ready === undefined && steps !== undefined) return { spec: { ...rest, steps }, params: values };
  throw new SubagentsError(
    'BAD_INPUT',
    'a chain has either its own steps or the name of a ready-made chain',
    {
      remedy: `give steps; or give ready (${NAMES.join(' or ')}) with label and values, and nothing else`,
    },
  );
}
