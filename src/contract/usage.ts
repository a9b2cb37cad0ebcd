import type { Usage } from './outcome.ts';

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
