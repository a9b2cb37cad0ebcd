/**
 * The behaviour of the scripted model for each kind of subagent. It is stateless like a real model: the progress
 * follows from the conversation. Each call has its own id, which the command appends to a file of the worktree when it
 * begins and ends, and prints at its end. This reveals calls that ran twice, and lost results.
 */
import type { ModelConversation } from '../src/demo/conversation.ts';
import type { Scenario, ScriptedStep } from '../src/demo/scripted-model.ts';
import type { ModelLog } from './model-log.ts';
import type { PlannedSubagent } from './plan.ts';

/** The file in every worktree to which calls append. */
export const CALLS_FILE = 'calls.txt';

/** The task of a subagent; its first line identifies the subagent to the script. */
export const taskOf = ({ label }: PlannedSubagent): string => `[chaos ${label}]\nDo what the script says.`;
/** Texts of a steer and of an answer, which the checks look for in the conversation. */
export const steerText = (label: string, index: number): string => `<steer ${label} ${index}>`;
export const answerText = (label: string, question: string): string => `<answer ${label} ${question}>`;
/** What a finished call prints. */
const finishedText = (id: string): string => `<finished ${id}>`;

/** The commands that verify a subagent; in `folder` they create files that show the main agent that they run. */
export function verificationOf({ kind, killWhen, label }: PlannedSubagent, folder: string): string[] {
  if (kind === 'several-turns') return ['grep -q repaired state.txt'];
  if (kind === 'failing') return ['false'];
  if (kind === 'killed' && killWhen === 'verifying')
    return [`touch '${folder}/verifying-${label}'; sleep 600`];
  return [];
}

/** One step of the script in a turn. */
type Act =
  { readonly name: string; readonly shell: string } | { readonly name: string; readonly ask: string };

/** The steps of a subagent's turn, which are followed by its report. */
function acts({ kind, seconds, count, killWhen, commits }: PlannedSubagent, turn: number): Act[] {
  const commit = commits ? "git add --all && git commit --quiet --message 'Work' && true" : 'true';
  const first: Act = { name: 'first', shell: commit };
  const last: Act = { name: 'last', shell: commit };
  const repaired: Act = { name: 'repair', shell: 'echo repaired > state.txt' };
  if (turn > 1) return kind === 'several-turns' ? [repaired] : [];
  switch (kind) {
    case 'quick':
    case 'several-turns':
    case 'failing':
      return [first];
    case 'long-shell':
    case 'steered':
      return [first, { name: 'long', shell: `sleep ${seconds}` }, last];
    case 'asking':
      return [first, ...Array.from({ length: count }, (_, n) => ({ name: `ask${n}`, ask: `q${n}` })), last];
    case 'leaving':
      return [first, { name: 'leave', shell: LEAVE }, last];
    case 'killed':
      if (killWhen === 'asking') return [first, { name: 'ask0', ask: 'q0' }];
      return killWhen === 'verifying'
        ? [first]
        : [first, { name: 'stay', shell: `${LEAVE}; trap '' TERM; sleep 600` }];
  }
}

/**
 * Starts two processes that outlive their shell: one with its environment; one without, in its own session and ignoring
 * SIGTERM.
 */
const LEAVE = [
  '(nohup setsid sleep 7001 >/dev/null 2>&1 &)',
  `(env -i setsid sh -c "trap '' TERM; sleep 7002; sleep 7003" >/dev/null 2>&1 &)`,
].join('; ');

/** The least number of model calls of a subagent, by which progress is measured. */
export function callsOf(subagent: PlannedSubagent): number {
  const { kind, killWhen } = subagent;
  const oneTurn = acts(subagent, 1).length + 1;
  if (kind === 'several-turns') return oneTurn + 2;
  if (kind === 'failing') return oneTurn + 2;
  if (kind === 'killed' && (killWhen === 'at-once' || killWhen === 'beginning')) return 0;
  if (kind === 'killed' && killWhen !== 'verifying') return oneTurn - 1;
  return oneTurn;
}

/** The scenario of all subagents; records requests and calls in `log`. */
export function chaosScenario(subagents: readonly PlannedSubagent[], log: ModelLog): Scenario {
  const byLabel = new Map(subagents.map((each) => [each.label, each]));
  const find = ({ userMessages }: ModelConversation): PlannedSubagent | undefined =>
    byLabel.get(/\[chaos ([a-z0-9-]+)\]/.exec(userMessages[0] ?? '')?.[1] ?? '');
  return {
    when: (conversation) => find(conversation) !== undefined,
    steps: (conversation) => {
      const subagent = find(conversation);
      if (subagent === undefined) throw new Error('no chaos subagent');
      log.heard(subagent.label, conversation);
      return next(subagent, conversation, log);
    },
  };
}

function next(subagent: PlannedSubagent, { messages }: ModelConversation, log: ModelLog): ScriptedStep {
  const { label } = subagent;
  const prompts = messages.flatMap(({ role, content }, index) => {
    const turn = role === 'user' ? /^\[subagent [^\]]*, turn (\d+)\]/m.exec(content)?.[1] : undefined;
    return turn === undefined ? [] : [{ index, turn: Number(turn) }];
  });
  const { index = 0, turn = 1 } = prompts.at(-1) ?? {};
  const since = messages.slice(index + 1);
  const todo = acts(subagent, turn);
  const said = since.findLastIndex(({ role, content }) => role === 'assistant' && STEP.test(content));
  const [, name = '', id = ''] = STEP.exec(since[said]?.content ?? '') ?? [];
  const done = todo.findIndex((act) => act.name === name);
  const again =
    done >= 0 &&
    !isOver(
      todo[done],
      id,
      label,
      since.slice(said + 1).map(({ content }) => content),
    );
  const act = todo[again ? done : done + 1];
  if (act === undefined || name === END) return { text: `[step ${END} ${label}] Done.` };
  const issued = log.issue(label, turn, act.name);
  const text = `[step ${act.name} ${issued}]`;
  if ('ask' in act) return { text, tools: [{ name: 'ask_parent', arguments: { question: act.ask } }] };
  const command = [
    `echo 'begin ${issued}' >> ${CALLS_FILE}`,
    act.shell,
    `echo 'end ${issued}' >> ${CALLS_FILE}`,
    // Assembled by printf, so that a result that merely quotes the command does not look finished.
    `printf '<%s %s>\\n' finished ${issued}`,
  ].join('; ');
  return { text, tools: [{ name: 'bash', arguments: { command, description: act.name } }] };
}

const STEP = /\[step (\S+) (\S+)\]/;
const END = 'end';

/** Whether a step needs no repetition: the model has its result, or it goes on in the background. */
function isOver(act: Act | undefined, id: string, label: string, news: readonly string[]): boolean {
  const text = news.join('\n');
  if (act !== undefined && 'ask' in act) return text.includes(answerText(label, act.ask));
  return text.includes(finishedText(id)) || /moved to (the )?background|still running/i.test(text);
}
