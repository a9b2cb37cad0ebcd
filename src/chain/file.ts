/** Chain files: YAML (or JSON), read with the line and column of every problem. */
import { isMap, isPair, LineCounter, parseDocument, type Document } from 'yaml';
import { chainSpec, validate, type ChainSpec } from '../contract/index.ts';
import { checkChain, type Problem } from './check.ts';

/** A problem in a file; line and column count from 1. */
interface ProblemInFile {
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

/** A chain as written in the file, or all its problems. */
export type ReadChain =
  | { readonly spec: ChainSpec; readonly problems: readonly [] }
  | { readonly spec: undefined; readonly problems: readonly ProblemInFile[] };

/** Reads a chain file. Custom YAML tags are refused: a file is plain data. */
export function readChain(text: string): ReadChain {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: 'core',
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
  });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const broken = [...document.errors, ...document.warnings].map(({ message, pos }) => ({
    message,
    ...at(pos[0]),
  }));
  if (broken.length > 0) return { spec: undefined, problems: broken };
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    return { spec: undefined, problems: [{ message: (error as Error).message, line: 1, column: 1 }] };
  }
  // `$schema` serves only editors.
  if (typeof value === 'object' && value !== null) delete (value as { $schema?: unknown }).$schema;
  const parsed = validate(chainSpec, value);
  const problems: Problem[] = parsed.success
    ? checkChain(parsed.data)
    : parsed.error.issues.map(({ message, path }) => {
        const place = path.filter((key) => typeof key !== 'symbol');
        return { message: `${nameOf(place)}${message}`, path: place };
      });
  if (problems.length === 0) return { spec: value as ChainSpec, problems: [] };
  return {
    spec: undefined,
    problems: problems
      .map(({ message, path, quote }) => ({ message, ...at(offsetOf(document, text, path, quote)) }))
      .sort((a, b) => a.line - b.line || a.column - b.column),
  };
}

/** `steps.2.task: `, or an empty string for the whole file. */
const nameOf = (path: readonly (string | number)[]): string =>
  path.length === 0 ? '' : `${path.join('.')}: `;

/** Offset of the value at `path`, or of the nearest value around it; for a quote, the offset of the quote. */
function offsetOf(
  document: Document.Parsed,
  text: string,
  path: readonly (string | number)[],
  quote: string | undefined,
): number {
  for (let length = path.length; length >= 0; length--) {
    const part = path.slice(0, length);
    const parent = length === 0 ? undefined : document.getIn(part.slice(0, -1), true);
    const pair = isMap(parent)
      ? parent.items.find((each) => isPair(each) && String(each.key) === String(part.at(-1)))
      : undefined;
    const node = (length === 0 ? document.contents : document.getIn(part, true)) as
      { range?: [number, number, number] | null } | undefined;
    const start =
      (pair?.key as { range?: [number, number, number] } | undefined)?.range?.[0] ?? node?.range?.[0];
    if (start === undefined) continue;
    const found = quote === undefined ? -1 : text.indexOf(quote, start);
    return found >= 0 ? found : start;
  }
  return 0;
}
