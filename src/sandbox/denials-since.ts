/** What was denied from a moment on, of totals that only grow. */
import type { Denial } from '../contract/index.ts';

/**
 * Begins to count: the returned function lists what was denied from then on.
 * @param totals reads what was denied until now, each tool and thing once
 */
export function denialsSince(totals: () => readonly Denial[]): () => Denial[] {
  const keyOf = ({ tool, what }: Denial): string => `${tool}\0${what}`;
  const before = new Map(totals().map((denial) => [keyOf(denial), denial.count]));
  return () =>
    totals()
      .map((denial) => ({ ...denial, count: denial.count - (before.get(keyOf(denial)) ?? 0) }))
      .filter(({ count }) => count > 0);
}
