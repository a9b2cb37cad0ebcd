/**
 * Limits the size of texts in messages. Text from outside (a commit's subject, a file name, a command's output, a
 * model's message) reaches workflows in results of activities. Temporal refuses a result over 2 MB, and would refuse
 * each retry of it. So every text is cut, by bytes, where it enters. Deterministic; used in workflows too.
 */
import { byteLength, headBytes } from './text.ts';

const KIB = 1024;

/**
 * Limit in bytes of a text that is in no table: a path, a note, a reason. The longest path that Linux opens has 4,096.
 */
const MAX_TEXT_BYTES = 8 * KIB;
/** Limits in bytes of certain fields. */
const MAX_BYTES: Readonly<Record<string, number>> = {
  subject: 300,
  lastMessage: 2 * KIB,
  outputTail: 16 * KIB,
  setup: 16 * KIB,
  verify: 16 * KIB,
  question: 32 * KIB,
  message: 64 * KIB,
  report: 64 * KIB,
  shown: 64 * KIB,
  problem: 64 * KIB,
};
/** Fields whose texts their reader has already limited. They would be useless when cut. */
const WHOLE: ReadonlySet<string> = new Set(['entries', 'files', 'value']);

/** The result of an activity, with each text cut to the limit of its field. */
export function bounded<T>(value: T): T {
  return cutTexts(value, (field) => MAX_BYTES[field] ?? MAX_TEXT_BYTES) as T;
}

/**
 * `value` with its texts, and then its lists, shortened until it has at most `maxBytes` as JSON. The longest are
 * shortened first. Returns a small enough `value` unchanged.
 */
export function fitted<T>(value: T, maxBytes: number): T {
  let fit: unknown = value;
  for (let text = maxBytes / 2; sizeOf(fit) > maxBytes && text >= 32; text /= 2)
    fit = cutTexts(value, () => text, true);
  for (let entries = 1024; sizeOf(fit) > maxBytes && entries >= 1; entries /= 2) fit = cutLists(fit, entries);
  return fit as T;
}

const sizeOf = (value: unknown): number => byteLength(JSON.stringify(value));

function cutTexts(value: unknown, max: (field: string) => number, all = false, field = ''): unknown {
  if (typeof value === 'string') return headBytes(value, max(field));
  if (Array.isArray(value)) return value.map((each) => cutTexts(each, max, all, field));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      !all && WHOLE.has(name) ? (each as unknown) : cutTexts(each, max, all, name),
    ]),
  );
}

function cutLists(value: unknown, max: number): unknown {
  if (Array.isArray(value)) return value.slice(0, max).map((each) => cutLists(each, max));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, cutLists(each, max)]));
}
