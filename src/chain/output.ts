/**
 * The data in a report that fits a schema. Validation time depends on both, so a worker runs this in a thread:
 * `output-in-thread.ts`.
 */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { byteLength, MAX_OUTPUT_BYTES, oneLine, type OutputRead } from '../contract/index.ts';
import { plainSchema } from './output-schema.ts';
import { compilePattern } from './pattern.ts';

/** Maximum number of problems that are reported to a subagent. */
const MAX_PROBLEMS = 20;
const MAX_PROBLEM_CHARS = 200;
/** Levels of lists and objects: more than real data has, and few enough for recursive readers. */
const MAX_DEPTH = 64;

/**
 * Reads a report: one JSON value, bare or in one fenced json block, that fits `schema`. @throws Error if the schema is
 * not supported
 */
export function readOutput(report: string, schema: unknown): OutputRead {
  const validate = validatorOf(schema);
  if (byteLength(report) > MAX_OUTPUT_BYTES)
    return { problem: `it is larger than ${MAX_OUTPUT_BYTES / 1024} KiB` };
  const found = jsonIn(report);
  if ('problem' in found) return found;
  if (isDeeper(found.value, MAX_DEPTH)) return { problem: `it has more than ${MAX_DEPTH} levels` };
  if (validate(found.value)) return found;
  const lines = (validate.errors ?? [])
    .slice(0, MAX_PROBLEMS)
    .map((error) => oneLine(problemOf(error), MAX_PROBLEM_CHARS));
  return { problem: `it does not fit the schema: ${lines.join('; ')}` };
}

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((part) => isDeeper(part, levels - 1)));

/** Scans each line once, so the time is linear in the length of the report. */
function jsonIn(report: string): OutputRead {
  const bare = parsed(report.trim());
  if ('value' in bare) return bare;
  const blocks: string[] = [];
  let open: string[] | undefined;
  // A line of JSON cannot begin with a fence, because JSON strings contain no line breaks.
  for (const line of report.split('\n')) {
    const text = line.trim();
    if (open === undefined) {
      if (text.toLowerCase() === '```json') open = [];
    } else if (text === '```') {
      blocks.push(open.join('\n'));
      open = undefined;
    } else {
      open.push(line);
    }
  }
  if (blocks.length > 1)
    return { problem: `it has ${blocks.length} fenced json blocks but must have exactly one` };
  const [block] = blocks;
  if (block === undefined) return { problem: 'it is not JSON and has no fenced json block' };
  return parsed(block);
}

function parsed(text: string): OutputRead {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { problem: `its JSON cannot be parsed: ${(error as Error).message}` };
  }
}

function validatorOf(schema: unknown): ValidateFunction {
  const regExp = Object.assign(compilePattern, { code: 'compilePattern' });
  const ajv = new Ajv({
    allErrors: true,
    // `plainSchema` has checked the schema, with messages for users.
    strict: false,
    validateSchema: false,
    addUsedSchema: false,
    logger: false,
    // Inherited properties, such as `constructor`, are not data.
    ownProperties: true,
    multipleOfPrecision: 9,
    code: { regExp },
  });
  // Ajv's own `uniqueItems` compares every pair of items.
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    validate: (wanted: boolean, items: readonly unknown[]) => !wanted || areDifferent(items),
    error: { message: 'must not have duplicate items' },
  });
  return ajv.compile(plainSchema(schema));
}

const areDifferent = (items: readonly unknown[]): boolean =>
  new Set(items.map((item) => JSON.stringify(sortKeys(item)))).size === items.length;

/** `value` with the keys of each object sorted. */
function sortKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sortKeys);
  const entries = Object.entries(value).map(([key, part]) => [key, sortKeys(part)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** For example `files.1: must be string`. */
function problemOf({ instancePath, keyword, params, message = 'does not fit' }: ErrorObject): string {
  const path = instancePath
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const at = (more: readonly unknown[] = []): string => [...path, ...more].join('.') || 'the value';
  const { missingProperty, additionalProperty, allowedValues, allowedValue } = params;
  switch (keyword) {
    case 'required':
      return `${at([missingProperty])}: is missing`;
    case 'additionalProperties':
      return `${at([additionalProperty])}: is not among the properties`;
    case 'enum':
      return `${at()}: must be one of ${JSON.stringify(allowedValues)}`;
    case 'const':
      return `${at()}: must be ${JSON.stringify(allowedValue)}`;
    default:
      return `${at()}: ${message}`;
  }
}
