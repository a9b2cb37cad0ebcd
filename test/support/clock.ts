/** A machine that sleeps, as far as its processes see that: the time of day is suddenly another. */
import { onTestFinished, vi } from 'vitest';

/** From here on `Date.now` is as far ahead as the returned function has said, until the test has ended. */
export function sleepingMachine(): (ms: number) => void {
  let aheadMs = 0;
  const now = Date.now.bind(Date);
  const spy = vi.spyOn(Date, 'now').mockImplementation(() => now() + aheadMs);
  onTestFinished(() => spy.mockRestore());
  return (ms) => (aheadMs += ms);
}
