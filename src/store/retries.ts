/** Repeats what a store could not do for the moment, for a bounded time. */
import { setTimeout as delay } from 'node:timers/promises';
import { SubagentsError } from '../contract/errors.ts';
import type { CallOptions, ListedObject, Objects } from './objects.ts';

const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 10_000;

/** How long a store may be away. */
export interface Patience {
  /** How long calls are repeated, in milliseconds. A store that says 503 for a minute is outlasted by default. */
  readonly patienceMs?: number | undefined;
  /** Called before each repeated call, with the reason. */
  readonly onWait?: ((why: string) => void) | undefined;
}

const PATIENCE_MS = 90_000;

/** The same objects, with calls that are repeated while the store is unreachable or busy. */
export function withRetries(objects: Objects, { patienceMs = PATIENCE_MS, onWait }: Patience = {}): Objects {
  const repeat = async <T>(options: CallOptions | undefined, call: () => Promise<T>): Promise<T> => {
    const deadline = Date.now() + patienceMs;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
      try {
        return await call();
      } catch (error) {
        const isTransient = error instanceof SubagentsError && error.code === 'STORE_UNREACHABLE';
        if (!isTransient || Date.now() + pauseMs > deadline) throw error;
        onWait?.(error.message);
        const { signal } = options ?? {};
        await delay(pauseMs * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
        signal?.throwIfAborted();
      }
    }
  };
  return {
    place: objects.place,
    prepare: () => repeat(undefined, () => objects.prepare()),
    putIfAbsent: (key, content, options) => repeat(options, () => objects.putIfAbsent(key, content, options)),
    get: (key, options) => repeat(options, () => objects.get(key, options)),
    async *list(prefix, options): AsyncGenerator<ListedObject, void, undefined> {
      // A list is repeated as a whole: half of one may not count as all.
      yield* await repeat(options, async () => {
        const all: ListedObject[] = [];
        for await (const each of objects.list(prefix, options)) all.push(each);
        return all;
      });
    },
    delete: (key, options) => repeat(options, () => objects.delete(key, options)),
    removeDrafts: (before) => repeat(undefined, () => objects.removeDrafts(before)),
  };
}
