/**
 * Descriptions of what a subagent is doing, for people. The text is a model's, so it is bounded, on one line, without
 * control characters.
 */
import { oneLine } from '../../contract/index.ts';

const MAX_CHARS = 160;
/** Names of the most telling arguments; the first one that a tool call has is shown. */
const TELLING = [
  'command',
  'path',
  'pattern',
  'question',
  'prompt',
  'query',
  'description',
  'skill',
  'shellId',
];

/** A tool call on one line: `bash: npm test`. */
export function describeTool(name: string, args: unknown): string {
  const shown = mainArgument(args);
  return oneLine(shown === undefined ? name : `${name}: ${shown}`, MAX_CHARS);
}

/** The most telling argument on one line; `undefined` if there is none. */
export function mainArgument(args: unknown): string | undefined {
  if (typeof args !== 'object' || args === null) return undefined;
  const named = args as Record<string, unknown>;
  const key = TELLING.find((each) => typeof named[each] === 'string' && named[each] !== '');
  return key === undefined ? undefined : oneLine(named[key] as string, MAX_CHARS);
}
