/**
 * Quotes in tasks, `{{research.report}}`: found and replaced in one pass. Inserted text is never scanned for quotes.
 */

/** One quote. */
export interface Quote {
  /** The quote as written, braces included. */
  readonly text: string;
  /** Offset in the template. */
  readonly offset: number;
  /** The segments: a step, `params`, `item` or `index`, then property names. Empty if the quote cannot be parsed. */
  readonly path: readonly string[];
}

/** A part of a template: literal text or a quote. */
type Part = string | Quote;

const QUOTE = /\\\{\{|\{\{([^{}]*)\}\}/g;
const SEGMENT = /^[^\s.]+$/;

/** Splits a template into parts. `\{{` stands for two literal braces; unclosed braces are literal. */
function parseTemplate(template: string): Part[] {
  const parts: Part[] = [];
  let last = 0;
  for (const match of template.matchAll(QUOTE)) {
    parts.push(template.slice(last, match.index));
    parts.push(
      match[1] === undefined ? '{{' : { text: match[0], offset: match.index, path: parsePath(match[1]) },
    );
    last = match.index + match[0].length;
  }
  parts.push(template.slice(last));
  return parts.filter((part) => part !== '');
}

/** The quotes in a template. */
export function quotesIn(template: string): Quote[] {
  return parseTemplate(template).filter((part) => typeof part !== 'string');
}

/**
 * The segments of `research.outcome.summary`; for an artifact the last one is its file path. Empty if the text is no
 * path.
 */
export function parsePath(text: string): string[] {
  const body = text.trim();
  const artifact = /^([^\s.]+)\.artifacts\.(.+)$/.exec(body);
  if (artifact) return [artifact[1] ?? '', 'artifacts', artifact[2] ?? ''];
  const segments = body.split('.');
  return segments.every((segment) => SEGMENT.test(segment)) ? segments : [];
}

/** The template with each quote replaced by the result of `resolve`. */
export function render(template: string, resolve: (quote: Quote) => string): string {
  return parseTemplate(template)
    .map((part) => (typeof part === 'string' ? part : resolve(part)))
    .join('');
}

/** The value at the end of `path`, following own properties only; undefined if there is none. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const key of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}
