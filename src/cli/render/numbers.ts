/** Counts in words, for people. */
import { plural } from '../../contract/quantities.ts';

export { plural, tokens, usageText } from '../../contract/quantities.ts';

/** Tool calls that permissions did not allow: `2 tool calls denied`. */
export function deniedText(count: number): string {
  return `${plural(count, 'tool call')} denied`;
}
