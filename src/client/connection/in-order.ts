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
