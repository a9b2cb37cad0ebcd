/** Counts and sizes as text for people. */
import { plural } from '../../contract/text/quantities.ts';

export { plural, tokensText, usageText } from '../../contract/text/quantities.ts';

/** The number of tool calls that the permissions did not allow: `2 tool calls denied`. */
export function deniedText(count: number): string {
  return `${plural(count, 'tool call')} denied`;
}

/** A short form of a size on disk: `840 kB`, `12 MB`, `1.3 GB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
