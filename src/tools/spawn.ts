/** `sessions_spawn`: starts subagents. */
import { z } from 'zod';
import { sanitizedLine, MAX_SPAWN_SPECS, requestId, spawnSpec, SubagentsError } from '../contract/index.ts';
import type { SpawnedSubagent, SpawnRefusal, SpawnSpec, Subagents } from '../client/index.ts';
import { spawnAccepted, spawnRefused } from '../contract/reports/spawned.ts';
import { workflowUrl } from '../client/connection/links.ts';
import { spawnAcceptedLine, spawnRefusedLines } from '../prompts/index.ts';
import { safeMessage } from './failure.ts';
import { notesText } from './notes.ts';
import { defineTool, type ToolContext } from './tool.ts';
import { startedView } from './view.ts';

/** For options that only the human may decide on, because text that it reads may persuade a main agent to use them. */
const ASKED_FOR = 'Only when the human has asked for it in this conversation';
const { trustRepo, env } = spawnSpec.shape;
const spec = spawnSpec.extend({
  trustRepo: trustRepo.describe(`${trustRepo.description}. ${ASKED_FOR}`),
  env: env.describe(`${env.description}. ${ASKED_FOR}`),
});
const { label, task, ...options } = spec.shape;

const input = z.strictObject({
  label: label.optional().describe(`${label.description}; required unless \`subagents\` is given`),
  task: task
    .optional()
    .describe(
      'The whole instruction, several lines: the problem or the goal (files, symptoms, functions, the command that shows it), ' +
        'the set-up it needs first, when it is done (tests to run, what to commit and report), what to leave alone, ' +
        'and absolute paths of what to read. It knows nothing of this conversation. Required, unless `subagents` is given',
    ),
  ...options,
  requestId: requestId.optional(),
  subagents: z
    .array(spec)
    .min(1)
    .max(MAX_SPAWN_SPECS)
    .optional()
    .describe('several at once, each with its own label and task, instead of the fields above'),
});

const accepted = spawnAccepted.omit({ runId: true, notes: true }).extend(startedView.shape);
const output = z.object({
  session: z.string(),
  subagents: z
    .array(z.discriminatedUnion('status', [accepted, spawnRefused]))
    .describe('in the order asked for'),
});
type Answer = z.infer<typeof output>['subagents'][number];

const DESCRIPTION = `Hands a long coding task to a new subagent, which works alone with GitHub Copilot CLI in a git worktree and on a branch of its own, and survives restarts. Answers at once: "accepted" (with label, workflow id and link) or "refused" (with the reason and what to do).

Use it for work that takes minutes to hours and can be described completely: features, fixes, refactorings, reviews, research, the same change in several repositories. One task each; several subagents run side by side.
Do not use it for quick questions, simple edits that you could make while you write the task, debugging that needs the human at the screen, or anything with credentials, production data or money.

A good task is explicit: files, symptoms, names; the set-up; when it is done; one task only. Put the commands that prove it into \`verify\`: a subagent is only done once they pass.
Then continue the conversation. Do not poll and do not wait in a loop: completions come to you. Step in (steer, answer, kill with the tool "subagents") only when one is stuck, asks, or is clearly on a wrong path.`;

/** The tool `sessions_spawn`. */
export const sessionsSpawn = defineTool({
  name: 'sessions_spawn',
  title: 'Spawn subagents',
  description: DESCRIPTION,
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  async handle(context, { requestId: id, ...given }) {
    const specs = specsOf(given);
    const subagents = await context.connect();
    const session = subagents.session(context.session);
    const answers = await session.spawn(specs, {
      cwd: context.cwd,
      title: context.title,
      requestId: id,
    });
    const views = answers.map((answer) => viewOf(answer, subagents));
    return {
      text: textOf(context, views),
      structured: { session: context.session, subagents: views },
    };
  },
});

/** The specs of a call: a single one, or a list. @throws SubagentsError BAD_INPUT when the call has neither, or both */
function specsOf({ subagents, ...one }: Omit<z.input<typeof input>, 'requestId'>): SpawnSpec[] {
  if (subagents !== undefined && Object.keys(one).length > 0) {
    throw new SubagentsError('BAD_INPUT', 'a spawn is one subagent or a list of them, not both', {
      remedy: 'put all fields into the entries of `subagents`, or leave that out',
    });
  }
  if (subagents !== undefined) return subagents;
  const missing = one.label === undefined ? 'label' : one.task === undefined ? 'task' : undefined;
  if (missing !== undefined) {
    throw new SubagentsError('BAD_INPUT', `${missing}: it is missing`, {
      remedy: 'a spawn needs `label` and `task`, or `subagents`, a list of such',
    });
  }
  return [one as SpawnSpec];
}

function viewOf(answer: SpawnedSubagent | SpawnRefusal, { target }: Subagents): Answer {
  if (!answer.accepted) {
    const { label, code, reason, remedy } = answer;
    return {
      status: 'refused',
      label,
      code,
      reason: safeMessage(code, reason),
      ...(remedy !== undefined && { remedy: sanitizedLine(remedy, 600) }),
    };
  }
  const { label, run, workflowId, runId, notes, repeated } = answer;
  const link = workflowUrl(target, workflowId, runId);
  const words = notesText(`${label}@${run}`, notes);
  return {
    status: 'accepted',
    label,
    run,
    workflowId,
    ...(repeated && { repeated }),
    ...(link !== undefined && { link }),
    ...(words !== undefined && { words }),
  };
}

function textOf(context: ToolContext, answers: readonly Answer[]): string {
  const lines = answers.flatMap((answer) =>
    answer.status === 'accepted'
      ? [
          spawnAcceptedLine(answer),
          ...(answer.link === undefined ? [] : [`  ${answer.link}`]),
          ...(answer.words === undefined ? [] : [answer.words]),
        ]
      : spawnRefusedLines(answer),
  );
  const any = answers.some(({ status }) => status === 'accepted');
  return [...lines, ...(any ? [context.arrival] : [])].join('\n');
}
