/** What opens a turn, as the subagent reads it. The marker line is added by the activity that sends it. */
import {
  byteLength,
  headJson,
  MAX_SHOWN_MESSAGE_BYTES,
  MAX_TOLD_BYTES,
  steerMarker,
  type Unsaved,
} from '../../src/contract/index.ts';
import type { HeldSteer, Opening } from './state.ts';

/** An earlier steer, held or delivered. */
type Said = Pick<HeldSteer, 'message'>;

/**
 * The prompt of a turn that begins a new conversation, since the one before could not be resumed.
 * @param shown what is known of the work so far
 * @param said what the main agent said until then, without what opens this turn
 */
export function handoverPrompt(
  { opening, steers, shown }: { opening: Opening; steers: readonly HeldSteer[]; shown: string },
  task: string,
  said: readonly Said[],
): string {
  const now =
    opening.kind === 'answers'
      ? opening.answers.map(({ answer }) => `The main agent answers your question: ${answer}`).join('\n\n')
      : promptOf(opening.kind === 'task' ? { kind: 'steers' } : opening, task, steers);
  return [
    'Your conversation so far could not be read again, and this is a new one. You go on in the same workspace, where everything is as you left it. Your task was, and is:',
    task,
    ...(said.length > 0 ? ['The main agent has told you since:', toldSince(said)] : []),
    ...(shown === '' ? [] : [shown]),
    'Find out first how far you had come: what was running may have had its effect. Then go on from there.',
    ...(now === '' ? [] : [now]),
  ].join('\n\n');
}

/** Earlier messages, oldest first; of more than may be told together, the newest. */
function toldSince(said: readonly Said[]): string {
  const lines: string[] = [];
  let bytes = 0;
  for (const { message } of [...said].reverse()) {
    const line = `* ${message}`;
    bytes += byteLength(JSON.stringify(line));
    if (bytes > MAX_TOLD_BYTES) break;
    lines.unshift(line);
  }
  const left = said.length - lines.length;
  return [...(left > 0 ? [`* (${left} earlier ones are left out here)`] : []), ...lines].join('\n');
}

/** The beginning of a message, and how much more there is of it. */
export function beginningOf(message: string): string {
  const shown = headJson(message, MAX_SHOWN_MESSAGE_BYTES);
  if (shown === message) return message;
  return `${shown} (${message.length - shown.length + 1} more characters)`;
}

/** Paths that are named to the subagent; the others it finds beside them. */
const MAX_NAMED_UNSAVED = 30;

/** What goes back to a subagent that left work which no commit has. */
export function unsavedPrompt(unsaved: readonly Unsaved[]): string {
  const more = unsaved.length - MAX_NAMED_UNSAVED;
  return [
    'Your worktree holds work that no commit of your branch has. A checkout of your branch would be without it, and it is lost when the worktree is removed:',
    [
      ...unsaved
        .slice(0, MAX_NAMED_UNSAVED)
        .map(({ path, reason }) => `* ${JSON.stringify(path)}: ${reason}`),
      ...(more > 0 ? [`* and ${more} more`] : []),
    ].join('\n'),
    'Commit what belongs to the result: git add --force takes ignored files, and the files of a repository within yours can be taken over once its .git folder is gone. Remove what does not belong to it, or have a .gitignore ignore it that you commit. Never commit keys or passwords.',
    'What is still uncommitted after this turn is put aside while your work is verified, and the reviewer is told.',
  ].join('\n\n');
}

/** The prompt of a turn; empty for answers, which continue the conversation without one. */
export function promptOf(opening: Opening, task: string, steers: readonly HeldSteer[]): string {
  const text = opening.kind === 'task' ? task : opening.kind === 'repair' ? opening.problem : '';
  const messages = steers.map(({ id, message }) => `${steerMarker(id)}\n${message}`);
  return [text, ...messages].filter((part) => part !== '').join('\n\n');
}
