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
