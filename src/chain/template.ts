/** Quotes in tasks, `{{research.report}}`: found and put in, in one pass. What is put in is never looked at again. */

/** One quote. */
export interface Quote {
  /** As it is written, braces included. */
  readonly text: string;
  /** Characters before it in the template. */
  readonly offset: number;
  /** What it names: a step, `params`, `item` or `index`; then the properties on the way. Empty: it cannot be read. */
  readonly path: readonly string[];
}

/** A piece of a template: words as they are, or a quote. */
type Part = string | Quote;

const QUOTE = /\\\{\{|\{\{([^{}]*)\}\}/g;
const SEGMENT = /^[^\s.]+$/;

/** Takes a template apart. `\{{` stands for two braces; braces that close nowhere stand for themselves. */
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

/** The segments of `research.outcome.summary`; of an artifact the last one is its path. Empty where it is no path. */
export function parsePath(text: string): string[] {
  const body = text.trim();
  const artifact = /^([^\s.]+)\.artifacts\.(.+)$/.exec(body);
  if (artifact) return [artifact[1] ?? '', 'artifacts', artifact[2] ?? ''];
  const segments = body.split('.');
  return segments.every((segment) => SEGMENT.test(segment)) ? segments : [];
}

/** The template with what `resolve` gives in place of each quote. */
export function render(template: string, resolve: (quote: Quote) => string): string {
  return parseTemplate(template)
    .map((part) => (typeof part === 'string' ? part : resolve(part)))
    .join('');
}

/** The value at the end of `path`, by own properties alone; undefined where there is none. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const key of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}
