import type { Usage } from './outcome.ts';

/** Before the first model call. */
export const NO_USAGE: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cachedTokens: 0,
  modelRequests: 0,
  toolCalls: 0,
};

/** Both together; what `more` leaves out counts as nothing. */
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
