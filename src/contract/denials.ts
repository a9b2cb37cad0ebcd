/** Sums of denied tool calls. Deterministic; used in workflows too. */
import { MAX_LISTED_DENIALS } from './limits.ts';
import type { Denial } from './outcome.ts';

/** The entry for all calls beyond the listed ones. */
const OTHERS = { tool: 'others', what: 'more calls than are listed' };

/** Adds up equal denials. Lists `MAX_LISTED_DENIALS` different ones, and counts all others in one more entry. */
export function mergeDenials(denials: readonly Denial[]): Denial[] {
  const merged = new Map<string, Denial>();
  for (const denial of denials) {
    const key = JSON.stringify([denial.tool, denial.what]);
    const { tool, what } = merged.has(key) || merged.size < MAX_LISTED_DENIALS ? denial : OTHERS;
    const place = JSON.stringify([tool, what]);
    merged.set(place, { tool, what, count: (merged.get(place)?.count ?? 0) + denial.count });
  }
  return [...merged.values()];
}

/** The number of denied calls. */
export function countDenials(denials: readonly Denial[]): number {
  return denials.reduce((sum, { count }) => sum + count, 0);
}
