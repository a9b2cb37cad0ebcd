/** What opens a turn, as the subagent reads it. The marker line is added by the activity that sends it. */
import { steerMarker } from '../src/contract/index.ts';
import type { HeldSteer, Opening } from './life.ts';

/** The prompt of a turn; empty for answers, which continue the conversation without one. */
export function promptOf(opening: Opening, task: string, steers: readonly HeldSteer[]): string {
  const text = opening.kind === 'task' ? task : opening.kind === 'repair' ? opening.problem : '';
  const messages = steers.map(({ id, message }) => `${steerMarker(id)}\n${message}`);
  return [text, ...messages].filter((part) => part !== '').join('\n\n');
}
