/** Maximum number of calls to the server at once. */
const AT_ONCE = 16;

/**
 * Calls `make` for every item, a limited number at a time, and returns the results in the order of the items. Rejects
 * with the first error.
 */
export async function concurrently<T, R>(items: readonly T[], make: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array<R>(items.length);
  const queue = items.entries();
  const take = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await make(item);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, take));
  return results;
}

/** Calls of one client that must reach the server in the order in which they were made. */
const LAST = new WeakMap<object, Map<string, Promise<unknown>>>();

/** Runs `call` once all earlier calls of the same `owner` and `key` have settled. Settles as `call` does. */
export async function callInOrder<T>(owner: object, key: string, call: () => Promise<T>): Promise<T> {
  const last = LAST.get(owner) ?? new Map<string, Promise<unknown>>();
  LAST.set(owner, last);
  const mine = (last.get(key) ?? Promise.resolve()).then(call);
  const settled = mine.catch(() => undefined);
  last.set(key, settled);
  try {
    return await mine;
  } finally {
    if (last.get(key) === settled) last.delete(key);
  }
}
