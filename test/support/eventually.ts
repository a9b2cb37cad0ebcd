import { setTimeout as delay } from 'node:timers/promises';

/** Settles with what `probe` gives, once that is neither undefined nor false. The test's own timeout is the deadline. */
export async function eventually<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    await delay(50);
  }
}
