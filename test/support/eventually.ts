import { setTimeout as delay } from 'node:timers/promises';

/** The longest that a test waits for one thing: what takes a second on a quiet machine takes this long on one that thirty others use. */
export const PATIENCE_MS = 120_000;

/** Between two looks: soon at first, and rarer while nothing comes, for each look takes time from what is waited for. */
const LOOK_MS = { first: 20, last: 250 };

/** Settles with what `probe` gives, once that is neither undefined nor false. The test's own timeout is the deadline. */
export async function eventually<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  for (let pause = LOOK_MS.first; ; pause = Math.min(pause * 1.3, LOOK_MS.last)) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    await delay(pause);
  }
}
