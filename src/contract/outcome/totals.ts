/** Sums of usage and of denied tool calls. Deterministic; used in workflows too. */
import { MAX_LISTED_DENIALS } from '../limits.ts';
import type { Usage } from '../reports/types.ts';
import type { Denial } from './outcome.ts';

/** The usage before the first model call. */
export const NO_USAGE: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cachedTokens: 0,
  modelRequests: 0,
  toolCalls: 0,
};

/** Adds two usages. Fields that `more` omits count as 0. */
export function addUsage(usage: Usage, more: Partial<Usage>): Usage {
  const sum = (key: keyof Usage): number => usage[key] + (more[key] ?? 0);
  return {
    inputTokens: sum('inputTokens'),
    outputTokens: sum('outputTokens'),
    cachedTokens: sum('cachedTokens'),
    modelRequests: sum('modelRequests'),
    toolCalls: sum('toolCalls'),
  };
}

/** The entry for all calls beyond the listed ones. */
const OTHERS = { tool: 'others', what: 'further calls that are not listed' };

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
