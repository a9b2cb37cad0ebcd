/** Calls to the server that are under way at once, at most. */
const AT_ONCE = 16;

/** `make` of every item, some at a time; results in the order of the items. Rejects with the first error. */
export async function concurrently<T, R>(items: readonly T[], make: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array<R>(items.length);
  const queue = items.entries();
  const take = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await make(item);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, take));
  return results;
}
