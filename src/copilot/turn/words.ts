/** What a subagent is doing, in words for people. The material is a model's: bounded, on one line, without control characters. */
import { oneLine } from '../../contract/index.ts';

const MAX_CHARS = 160;
/** The argument that says most, by its name; the first that a tool call has is shown. */
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

/** A tool call in one line: `bash: npm test`. */
export function describeTool(name: string, args: unknown): string {
  const shown = mainArgument(args);
  return oneLine(shown === undefined ? name : `${name}: ${shown}`, MAX_CHARS);
}

/** The words of its arguments that say most, in one line; `undefined` where none do. */
export function mainArgument(args: unknown): string | undefined {
  if (typeof args !== 'object' || args === null) return undefined;
  const named = args as Record<string, unknown>;
  const key = TELLING.find((each) => typeof named[each] === 'string' && named[each] !== '');
  return key === undefined ? undefined : oneLine(named[key] as string, MAX_CHARS);
}
