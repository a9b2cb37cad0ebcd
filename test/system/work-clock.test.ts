import { expect, it } from 'vitest';
import { WorkClock } from '../../src/system/work-clock.ts';

/** A clock on a time that only the test moves. */
function started(): { clock: WorkClock; pass: (ms: number) => number } {
  let now = 1_000_000;
  const clock = new WorkClock(() => now);
  return { clock, pass: (ms) => (now += ms) };
}

it('counts time as it passes', () => {
  const { clock, pass } = started();
  for (let second = 0; second < 3_600; second++) {
    pass(1_000);
    void clock.workedMs;
  }
  expect(clock.workedMs).toBe(3_600_000);
  expect(clock.awakeSince).toBe(1_000_000);
});

it('does not count a night for which its machine sleeps, and knows when that was over', () => {
  const { clock, pass } = started();
  pass(2_000);
  expect(clock.workedMs).toBe(2_000);
  const woken = pass(9 * 3_600_000);
  expect(clock.workedMs).toBeLessThanOrEqual(7_000);
  pass(1_000);
  expect(clock.workedMs).toBeLessThanOrEqual(8_000);
  expect(clock.awakeSince).toBe(woken);
});

it('never runs backwards, also where the clock of the machine is set back', () => {
  const { clock, pass } = started();
  pass(2_000);
  expect(clock.workedMs).toBe(2_000);
  pass(-3_600_000);
  expect(clock.workedMs).toBe(2_000);
  pass(1_000);
  expect(clock.workedMs).toBe(3_000);
});
