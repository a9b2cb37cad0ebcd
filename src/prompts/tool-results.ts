/** Sentences of the tools' results, besides evidence and news. */
import { plural, sanitizedLine, durationText } from '../contract/index.ts';

/** Something that was accepted. */
interface Accepted {
  readonly label: string;
  readonly run: number;
  readonly workflowId: string;
  readonly repeated?: boolean | undefined;
}

const accepted = ({ repeated }: Pick<Accepted, 'repeated'>): string =>
  `accepted ${repeated === true ? 'before: ' : ''}`;

/** A spawn that was accepted. */
export const spawnAcceptedLine = (one: Accepted): string =>
  `${accepted(one)}${one.label}@${one.run} (${one.workflowId})`;

/** A spawn that was refused. */
export const spawnRefusedLines = ({
  label,
  code,
  reason,
  remedy,
}: {
  readonly label: string;
  readonly code: string;
  readonly reason: string;
  readonly remedy?: string | undefined;
}): string[] => [
  `refused ${label}: ${reason} (${code})`,
  ...(remedy === undefined ? [] : [`  What to do: ${remedy}`]),
];

/** A chain that was accepted. @param steps the labels of its steps */
export const chainAcceptedLine = (chain: Accepted, steps: readonly string[]): string =>
  `${accepted(chain)}the chain ${chain.label}@${chain.run} (${chain.workflowId}), with ${steps.join(', ')}`;

/** A continuation that was accepted. @param arrival how its completion reaches the main agent */
export const continuedLine = (
  { label, run, repeated }: Omit<Accepted, 'workflowId'>,
  arrival: string,
): string =>
  `accepted${repeated === true ? ' before' : ''}: it continues as ${sanitizedLine(`${label}@${run}`, 100)}. ${arrival}`;

export const NO_LIVE_SUBAGENT = 'No live subagent in this session.';
export const NOTHING_LEFT_TO_TELL = 'No live subagent in this session, and no unread announcement.';
export const NO_SUBAGENTS_YET = 'No subagents yet: "sessions_spawn" starts one.';
export const ENDED_BEFORE_KILL = 'the subagent had ended by itself before the kill reached it';
/** The answer for announcements that reach the main agent outside of the answer. */
export const BROUGHT_NEXT = 'It comes into this conversation next.';
export const IN_FULL = '. In full: action "show"';
export const MEASURED_BY_US = 'measured by us:';
export const STEPS_ARE_TARGETS = 'steps, each a target as LABEL/STEP:';
export const NO_WORKER_ANSWERS = 'its worker does not answer: this is what the server has on record';
export const NOTHING_SAID = 'the transcript is empty so far';

/** @param more how many subagents had no room */
export const moreSubagents = (more: number): string => `and ${plural(more, 'more subagent')}: action "list"`;

/** @param hidden how many finished subagents a list leaves out */
export const moreFinished = (hidden: number): string =>
  `${plural(hidden, 'finished subagent')} more: ask with a larger count`;

/** The end of a wait without an announcement. */
export const nothingYet = (waitedMs: number): string =>
  `Nothing yet after ${durationText(waitedMs)}. Continue with something else: announcements come to you. Wait again only if there is nothing else to do.`;

/** How much of a transcript is shown. */
export const newestEntries = (shown: number, all: number, chars: number): string =>
  `the newest ${shown} of ${all} entries, long ones cut; to read all ${chars} characters: action "logs" with offset 0`;

export const acknowledgedLine = (count: number): string => `${plural(count, 'announcement')} acknowledged.`;

/** What a diff is of. */
export const diffLine = ({
  live,
  repository,
  base,
  head,
}: {
  readonly live: boolean;
  readonly repository: string;
  readonly base: string;
  readonly head: string | null;
}): string =>
  live
    ? `the current state of its folder, compared with ${base}`
    : `to see all of it: git -C ${JSON.stringify(sanitizedLine(repository, 300))} diff ${base} ${head ?? ''}`.trimEnd();

const ADOPTED = 'adopted ';

export const NOTHING_TO_ADOPT =
  'Nothing to adopt: every subagent of this repository belongs to a conversation.';

/** The sessions that a conversation has taken over. */
export const adoptedLines = (
  adopted: readonly { readonly session: string; readonly waiting: number; readonly live: number }[],
): string[] => [
  ...adopted.map(
    ({ session, waiting, live }) =>
      `${ADOPTED}${session}: ${plural(waiting, 'announcement')} waiting, ${plural(live, 'live subagent')}`,
  ),
  'Their announcements come into this conversation. Name them in full, as SESSION/LABEL.',
];

/** The adopted sessions, parsed from the text of `adoptedLines`. */
export const parseAdopted = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith(ADOPTED))
    .flatMap((line) => /^(\S+):/.exec(line.slice(ADOPTED.length))?.[1] ?? []);

/** What a worker lacks that is started from here. @param command the one with which a human starts it */
export const workerLacks = (variables: readonly string[], command: string): string =>
  `a worker started from here lacks ${variables.join(', ')}; if subagents or their verification need them, run ${command} in a terminal that has them`;

/** What to do where a worker that is started from here would have no model. */
export const startByHuman = (command: string): string =>
  `ask the human to run ${command} in a terminal of their own, which has their login and their variables; then continue`;

/** What to do before anything is started. @param lacks what `workerLacks` says; empty if it lacks nothing */
export const askBeforeStart = (lacks: string): string =>
  'ask the human whether to run `subagents up --detach` (a Temporal server and a worker, in the background, for this user); ' +
  `if they agree, call again with allowed: true${lacks === '' ? '' : `. Tell them: ${lacks}`}`;

/** The remedy of an error that `up` may remedy. */
export const orStart = (remedy: string): string =>
  `${remedy}; or, once the human has agreed, call "subagents" with action "start" and allowed: true`;

/** An error as a result. @param message sanitized; fenced if it may contain a quote */
export function errorText({
  code,
  message,
  remedy,
}: {
  readonly code: string;
  readonly message: string;
  readonly remedy?: string | undefined;
}): string {
  // The mark of a fence must begin a line.
  const separator = message.includes('\n') ? '\n' : ' ';
  return [
    `error ${code}:${separator}${message}`,
    ...(remedy === undefined ? [] : [`What to do: ${remedy}`]),
  ].join('\n');
}
