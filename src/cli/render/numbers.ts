import type { Usage } from '../../contract/outcome.ts';

/** A count of tokens, short: `840`, `12.4k`, `1.3M`. */
export function tokens(count: number): string {
  if (count < 1_000) return String(count);
  if (count < 1_000_000) return `${(count / 1_000).toFixed(count < 100_000 ? 1 : 0)}k`;
  return `${(count / 1_000_000).toFixed(1)}M`;
}

/** What model calls cost, in words. */
export function usageText(usage: Usage): string {
  const { inputTokens, cachedTokens, outputTokens, modelRequests, toolCalls } = usage;
  return (
    `${tokens(inputTokens)} tokens in (${tokens(cachedTokens)} cached), ${tokens(outputTokens)} out, ` +
    `${plural(modelRequests, 'model request')}, ${plural(toolCalls, 'tool call')}`
  );
}

/** Tool calls that permissions did not allow: `2 tool calls denied`. */
export function deniedText(count: number): string {
  return `${plural(count, 'tool call')} denied`;
}

/** `1 commit`, `2 commits`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : noun.endsWith('s') ? 'es' : 's'}`;
}
