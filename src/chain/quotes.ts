/**
 * Resolves quotes to the text that is put into a task: our own values as they are, text of a subagent fenced as data.
 */
import {
  isOwnBranch,
  MAX_ARTIFACT_BYTES,
  MAX_OUTPUT_BYTES,
  MAX_REPORT_CHARS,
  type Outcome,
} from '../contract/index.ts';
import { fence } from '../prompts/fence.ts';
import { nothingQuoted } from '../prompts/step-task.ts';
import { valueAt, type Quote } from './template.ts';

/** The fields of a step that can be quoted. A field that we neither measure nor name ourselves is data. */
export const STEP_FIELDS = [
  'branch',
  'head',
  'status',
  'caveats',
  'summary',
  'report',
  'output',
  'artifacts',
  'outcome',
] as const;

/** A step that is done: one outcome, or one for each entry of its `forEach`. */
export interface DoneStep {
  readonly outcomes: readonly Outcome[];
}

/** Where quotes are looked up. */
export interface Scope {
  readonly params: Readonly<Record<string, { readonly value: string; readonly data: boolean }>>;
  readonly steps: ReadonlyMap<string, DoneStep>;
  /** The current list entry of a `forEach`. */
  readonly item?: { readonly value: unknown; readonly index: number } | undefined;
  /** Returns a new random word for the fence around data. */
  readonly nonce: () => string;
  /** Called for each word from a subagent or parameter that is inserted without a fence. */
  readonly onUnfenced?: ((word: string) => void) | undefined;
}

/** A quote that cannot be resolved; the message says why. */
export class QuoteError extends Error {}

/** A value and its author; without a source the value is ours or the human's. */
interface Value {
  readonly value: unknown;
  readonly source?: string;
  /** Maximum number of quoted characters; default `MAX_REPORT_CHARS`. */
  readonly max?: number;
  /** Whether to fence the value even if it is a single word, because it is prose. */
  readonly isText?: boolean;
}

/** The text that replaces a quote. @throws QuoteError if the quote cannot be resolved */
export function quotedText(quote: Quote, scope: Scope): string {
  const [root = ''] = quote.path;
  if (scope.steps.get(root)?.outcomes.length === 0) return nothingQuoted(root);
  const values = valuesOf(quote.path, scope);
  if (values.length === 0 || values.some(({ value }) => value === undefined || value === null)) {
    throw new QuoteError(`${quote.text} has no value`);
  }
  return values.map((value) => formatValue(value, quote, scope)).join('\n');
}

/** The list that a `forEach` names. @throws QuoteError if the value is not a list */
export function listAt(path: readonly string[], scope: Scope): unknown[] {
  const [found, ...more] = valuesOf(path, scope);
  if (more.length === 0 && Array.isArray(found?.value)) return found.value as unknown[];
  throw new QuoteError(`${path.join('.')} is not a list`);
}

function valuesOf([root = '', ...rest]: readonly string[], scope: Scope): Value[] {
  if (root === 'params') {
    const name = rest.join('.');
    const param = Object.hasOwn(scope.params, name) ? scope.params[name] : undefined;
    return param ? [{ value: param.value, ...(param.data && { source: `the parameter ${name}` }) }] : [];
  }
  if (root === 'index' && rest.length === 0) return [{ value: scope.item?.index }];
  if (root === 'item')
    return [{ value: valueAt(scope.item?.value, rest), source: 'a subagent of this chain' }];
  const step = scope.steps.get(root);
  return (step?.outcomes ?? []).map((outcome) => ofOutcome(outcome, rest));
}

function ofOutcome(outcome: Outcome, [field = '', ...rest]: readonly string[]): Value {
  const source = `subagent ${outcome.label}@${outcome.run}`;
  const { evidence } = outcome;
  switch (field) {
    case 'branch': {
      const branch = rest.length === 0 ? evidence?.branch : undefined;
      // In place, the branch is whatever the subagent has checked out.
      return isOwnBranch(branch, outcome.label) ? { value: branch } : { value: branch, source };
    }
    case 'head':
      return { value: rest.length === 0 ? evidence?.head : undefined };
    case 'status':
      return { value: rest.length === 0 ? outcome.status : undefined };
    case 'caveats':
      if (rest.length > 0) return { value: undefined };
      return outcome.caveats.length === 0
        ? { value: 'none' }
        : { value: caveatLines(outcome.caveats), source, isText: true };
    case 'summary':
    case 'report':
      return { value: rest.length === 0 ? outcome[field] : undefined, source, isText: true };
    case 'output':
      return { value: valueAt(outcome.output, rest), source, max: MAX_DATA_CHARS };
    case 'artifacts':
      return { value: valueAt(outcome.artifacts, rest), source, max: MAX_ARTIFACT_BYTES, isText: true };
    case 'outcome':
      return { value: valueAt(outcome, rest), source, isText: WRITTEN_BY_SUBAGENT.has(rest.join('.')) };
    default:
      return { value: undefined };
  }
}

/** One line for each caveat. Caveat texts contain names that the subagent chose, so the result is treated as data. */
const caveatLines = (caveats: Outcome['caveats']): string =>
  caveats.map(({ grade, kind, text }) => `${grade}, ${kind}: ${text}`).join('\n');

/** The size of the largest output when pretty-printed: a truncated value would be useless. */
const MAX_DATA_CHARS = 4 * MAX_OUTPUT_BYTES;

/** Fields of an outcome whose text a subagent has written. */
const WRITTEN_BY_SUBAGENT: ReadonlySet<string> = new Set(['report', 'summary', 'failure.message']);

/**
 * A single word: a path, a name, a number. It can still carry a message, so `unfencedWordsNote` declares it as data.
 */
const TOKEN = /^[\w./@:+-]{1,120}$/;

function formatValue(
  { value, source, max = MAX_REPORT_CHARS, isText = false }: Value,
  { path }: Quote,
  { nonce, onUnfenced }: Scope,
): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (source === undefined) return String(value);
  if (typeof value === 'string' && !isText && TOKEN.test(value)) {
    const word = JSON.stringify(value);
    onUnfenced?.(word);
    return word;
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  return `\n${fence(text, { what: path.slice(1).join('.') || path.join('.'), source, nonce: nonce(), max })}\n`;
}
