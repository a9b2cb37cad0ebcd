/** The prompts that open a turn. The activity that sends a prompt adds the marker line. */
import { byteLength, MAX_EARLIER_MESSAGES_BYTES, type CallDecision } from '../contract/index.ts';
import { decisionsText } from './approvals.ts';
import { steerMarker } from './markers.ts';

/** A message of the main agent. */
interface Message {
  readonly id: string;
  readonly message: string;
}

/** What opens a turn, along with messages of the main agent. Answers continue a turn that asked. */
export type Opening =
  | { readonly kind: 'task' }
  | { readonly kind: 'steers' }
  | { readonly kind: 'repair'; readonly problem: string }
  | {
      readonly kind: 'answers';
      readonly answers: readonly { readonly requestId: string; readonly answer: string }[];
      readonly decisions: readonly CallDecision[];
    };

/** The prompt of a turn. Empty for answers, which continue the conversation without a prompt. */
export function promptOf(opening: Opening, task: string, steers: readonly Message[]): string {
  const text = opening.kind === 'task' ? task : opening.kind === 'repair' ? opening.problem : '';
  const messages = steers.map(({ id, message }) => `${steerMarker(id)}\n${message}`);
  return [text, ...messages].filter((part) => part !== '').join('\n\n');
}

/** An earlier message, held or delivered. */
type EarlierSteer = Pick<Message, 'message'>;

/**
 * The prompt of a turn in a new conversation, used when the previous conversation could not be resumed.
 * @param shown what is known of the work so far
 * @param said earlier messages of the main agent, without those that open this turn
 */
export function handoverPrompt(
  { opening, steers, shown }: { opening: Opening; steers: readonly Message[]; shown: string },
  task: string,
  said: readonly EarlierSteer[],
): string {
  const now =
    opening.kind === 'answers'
      ? [
          ...opening.answers.map(({ answer }) => `The main agent answers your question: ${answer}`),
          ...(opening.decisions.length === 0 ? [] : [decisionsText(opening.decisions)]),
        ].join('\n\n')
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
