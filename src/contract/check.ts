/** Checks input from outside against its schema, with our own error messages. */
import { z } from 'zod';
import type { ErrorCode } from './errors.ts';

type RawIssue = Parameters<z.core.$ZodErrorMap>[0];
type Issue = z.core.$ZodIssue;

/** Replaces the value of a payload that cannot be read. No schema accepts it. */
export class UnreadablePayload {
  /** The reason, for example `Unknown encoding: bogus/enc`. */
  readonly unreadable: string;
  /** The error code for the reason, if it concerns encryption. */
  readonly code: UnreadableCode | undefined;

  constructor(reason: string, code?: UnreadableCode) {
    this.unreadable = reason.slice(0, 200);
    this.code = code;
  }
}
/** Why an encrypted payload, or one that should be, cannot be read. */
export type UnreadableCode = Extract<ErrorCode, 'KEY_MISSING' | 'NOT_AUTHENTIC'>;

/**
 * Like `schema.safeParse(value)`, but each message says what the value may be. A schema's own messages take precedence.
 * All validation messages for people and models come from this function.
 */
export function validate<T extends z.ZodType>(schema: T, value: unknown): z.ZodSafeParseResult<z.output<T>> {
  if (value instanceof UnreadablePayload) return unreadable(value);
  return schema.safeParse(value, { error: messageFor });
}

function unreadable({ unreadable: why }: UnreadablePayload): z.ZodSafeParseError<never> {
  const message = `it could not be read (${why})`;
  const error = new z.ZodError([{ code: 'custom', path: [], message, input: undefined }]);
  return { success: false, error: error as z.ZodError<never> };
}

/** The first problem, with its field: `permissions: use all, workspace or read-only, not "ro"`. */
export function firstProblem({ issues: [issue] }: z.ZodError): string {
  if (issue === undefined) return 'illegal';
  const field = issue.path.map(String).join('.');
  return field === '' ? issue.message : `${field}: ${issue.message}`;
}

function messageFor(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_value':
      return `use ${either(issue.values.map(quotedUnlessWord))}, not ${shown(issue.input)}`;
    case 'invalid_type':
      return issue.input === undefined
        ? `it is missing (${named(issue.expected)})`
        : `use ${named(issue.expected)}, not ${shown(issue.input)}`;
    case 'too_big':
      return `too ${long(issue.origin)}: at most ${issue.maximum}${unit(issue.origin)}`;
    case 'too_small':
      return Number(issue.minimum) === 1 && issue.origin !== 'number'
        ? 'it is empty'
        : `too ${short(issue.origin)}: at least ${issue.minimum}${unit(issue.origin)}`;
    case 'unrecognized_keys':
      return `there is no field ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}`;
    case 'invalid_union':
      return unionMessage(issue.errors, issue.input);
    case 'invalid_format':
      return `${shown(issue.input)} does not have the required form`;
    case 'invalid_key':
      return `it has an illegal name: ${issue.issues[0]?.message ?? ''}`;
    default:
      return undefined;
  }
}

/** The message for a union: the problem with the first member whose type fits, or else the types of all members. */
function unionMessage(ways: readonly Issue[][], input: unknown): string {
  const near = ways.find(([issue]) => issue && !(issue.code === 'invalid_type' && issue.path.length === 0));
  const [issue] = near ?? [];
  if (issue) {
    const [at, ...rest] = issue.path.map(String);
    if (at === undefined) return issue.message;
    const place = [/^\d+$/.test(at) ? `entry ${Number(at) + 1}` : at, ...rest].join('.');
    return `${place}: ${issue.message}`;
  }
  const expected = ways.flatMap(([each]) => (each?.code === 'invalid_type' ? named(each.expected) : []));
  return `use ${either([...new Set(expected)])}, not ${shown(input)}`;
}

const NAMES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'text',
};
const named = (type: string): string => NAMES[type] ?? type;

const long = (origin: string): string => ({ number: 'much', int: 'much', array: 'many' })[origin] ?? 'long';
const short = (origin: string): string =>
  ({ number: 'little', int: 'little', array: 'few' })[origin] ?? 'short';
const unit = (origin: string): string =>
  origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : '';

const quotedUnlessWord = (value: unknown): string =>
  typeof value === 'string' && /^[a-z][a-z-]*$/i.test(value) ? value : JSON.stringify(value);

function either(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** A short form of the value, for one line. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}
