/** What opens a turn, as the subagent reads it. The marker line is added by the activity that sends it. */
import { steerMarker } from '../src/contract/index.ts';
import type { HeldSteer, Opening } from './life.ts';

/** A steer of before, held or delivered. */
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
    ...(said.length > 0
      ? ['The main agent has told you since:', said.map(({ message }) => `* ${message}`).join('\n')]
      : []),
    ...(shown === '' ? [] : [shown]),
    'Find out first how far you had come: what was running may have had its effect. Then go on from there.',
    ...(now === '' ? [] : [now]),
  ].join('\n\n');
}

/** The prompt of a turn; empty for answers, which continue the conversation without one. */
export function promptOf(opening: Opening, task: string, steers: readonly HeldSteer[]): string {
  const text = opening.kind === 'task' ? task : opening.kind === 'repair' ? opening.problem : '';
  const messages = steers.map(({ id, message }) => `${steerMarker(id)}\n${message}`);
  return [text, ...messages].filter((part) => part !== '').join('\n\n');
}
