/** `sessions_chain`: hands over steps that build on each other. */
import { z } from 'zod';
import { chainSpec, inertLine } from '../contract/index.ts';
import { workflowUrl } from '../client/links.ts';
import { defineTool } from './tool.ts';

const input = chainSpec.extend({
  values: z.record(z.string(), z.string()).optional().describe('values of the chain’s params'),
});

const output = z.object({
  session: z.string(),
  label: z.string(),
  run: z.number().int(),
  workflowId: z.string(),
  link: z.string().optional().describe('its page in the Temporal Web UI'),
  steps: z.array(z.string()).describe('how each step is addressed'),
  notes: z.array(z.string()).describe('what the human may want to know'),
});

const DESCRIPTION = `Hands over several steps that build on each other, each a subagent of its own: research, then implementation; the same change in several repositories; reviews side by side, then one summary. Answers at once, and refuses what is wrong with it before anything starts.

Each step needs the one before it, unless "needs" names others ([] for none: side by side). A task quotes what a step that it needs came to: {{research.report}}, {{research.branch}}, {{research.outcome.evidence.filesChanged}}; such words arrive as data. A step with "output", a JSON schema, reports data that fits it: {{plan.output.title}}, and "forEach": "plan.output.files". "from" starts a step from the branch of another, "forEach" runs it once for each entry of a list, "until": "first" ends the chain with the first step that is done.
Each task must be as explicit as one for sessions_spawn: a step knows nothing but its task. Use sessions_spawn for tasks that do not build on each other, and do small things yourself.
A step that fails stops what needs it; the rest goes on. The chain is a target of the tool "subagents" (show, kill, wait), and so is each step, as label/step (steer, logs, kill). Completions of the steps and of the chain are brought to you: do not poll.`;

/** The tool. */
export const sessionsChain = defineTool({
  name: 'sessions_chain',
  title: 'Chain subagents',
  description: DESCRIPTION,
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  async handle(context, { values, ...spec }) {
    const subagents = await context.connect();
    const session = subagents.session(context.session);
    const { label, run, workflowId, runId, notes } = await session.chain(spec, {
      cwd: context.cwd,
      title: context.title,
      params: values,
    });
    const link = workflowUrl(subagents.target, workflowId, runId);
    const steps = spec.steps.map(({ id }) => `${label}/${id}`);
    const safe = notes.map((note) => inertLine(note, 500));
    return {
      text: [
        `accepted the chain ${label}@${run} (${workflowId}), with ${steps.join(', ')}`,
        ...safe.map((note) => `  note: ${note}`),
        ...(link === undefined ? [] : [`  ${link}`]),
        context.arrival,
      ].join('\n'),
      structured: {
        ...{ session: context.session, label, run, workflowId, steps, notes: safe },
        ...(link !== undefined && { link }),
      },
    };
  },
});
