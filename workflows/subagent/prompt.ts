/** The prompts that open a turn. The activity that sends a prompt adds the marker line. */
import {
  byteLength,
  headJson,
  MAX_SHOWN_MESSAGE_BYTES,
  MAX_EARLIER_MESSAGES_BYTES,
  steerMarker,
  type Unsaved,
} from '../../src/contract/index.ts';
import type { HeldSteer, Opening } from './state.ts';

/** An earlier steer, held or delivered. */
type EarlierSteer = Pick<HeldSteer, 'message'>;

/**
 * The prompt of a turn in a new conversation, used when the previous conversation could not be resumed.
 * @param shown what is known of the work so far
 * @param said earlier messages of the main agent, without those that open this turn
 */
export function handoverPrompt(
  { opening, steers, shown }: { opening: Opening; steers: readonly HeldSteer[]; shown: string },
  task: string,
  said: readonly EarlierSteer[],
): string {
  const now =
    opening.kind === 'answers'
      ? opening.answers.map(({ answer }) => `The main agent answers your question: ${answer}`).join('\n\n')
      : promptOf(opening.kind === 'task' ? { kind: 'steers' } : opening, task, steers);
  return [
    'Your previous conversation could not be restored; this is a new one. You continue in the same workspace, where everything is as you left it. Your task, unchanged:',
    task,
    ...(said.length > 0 ? ['Messages from the main agent since then:', earlierMessages(said)] : []),
    ...(shown === '' ? [] : [shown]),
    'First find out how far you had come: commands that were running may have taken effect. Then continue from there.',
    ...(now === '' ? [] : [now]),
  ].join('\n\n');
}

/** Earlier messages, oldest first. If there are too many, only the newest. */
function earlierMessages(said: readonly EarlierSteer[]): string {
  const lines: string[] = [];
  let bytes = 0;
  for (const { message } of [...said].reverse()) {
    const line = `* ${message}`;
    bytes += byteLength(JSON.stringify(line));
    if (bytes > MAX_EARLIER_MESSAGES_BYTES) break;
    lines.unshift(line);
  }
  const left = said.length - lines.length;
  return [...(left > 0 ? [`* (${left} earlier messages are left out here)`] : []), ...lines].join('\n');
}

/** The beginning of a message, and how many characters follow. */
export function shownBeginning(message: string): string {
  const shown = headJson(message, MAX_SHOWN_MESSAGE_BYTES);
  if (shown === message) return message;
  return `${shown} (${message.length - shown.length + 1} more characters)`;
}

/** Paths that the prompt names; the others are only counted. */
const MAX_NAMED_UNSAVED = 30;

/** The prompt sent to a subagent that left uncommitted work. */
export function unsavedPrompt(unsaved: readonly Unsaved[]): string {
  const more = unsaved.length - MAX_NAMED_UNSAVED;
  return [
    'Your worktree has work that is in no commit of your branch. A checkout of your branch would not have this work, and it is lost when the worktree is removed:',
    [
      ...unsaved
        .slice(0, MAX_NAMED_UNSAVED)
        .map(({ path, reason }) => `* ${JSON.stringify(path)}: ${reason}`),
      ...(more > 0 ? [`* and ${more} more`] : []),
    ].join('\n'),
    'Commit what belongs to the result: git add --force adds ignored files, and the files of a nested repository can be added once its .git folder is removed. Remove what does not belong to the result, or commit a .gitignore that ignores it. Never commit keys or passwords.',
    'Files that are still uncommitted after this turn are set aside while your work is verified, and the reviewer is told about them.',
  ].join('\n\n');
}

/** The prompt of a turn. Empty for answers, which continue the conversation without a prompt. */
export function promptOf(opening: Opening, task: string, steers: readonly HeldSteer[]): string {
  const text = opening.kind === 'task' ? task : opening.kind === 'repair' ? opening.problem : '';
  const messages = steers.map(({ id, message }) => `${steerMarker(id)}\n${message}`);
  return [text, ...messages].filter((part) => part !== '').join('\n\n');
}
