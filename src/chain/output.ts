/** A step's `output`: which JSON schemas we can hold a report to, and the data in a report that fits one. */
import { z } from 'zod';
import { byteLength, MAX_OUTPUT_BYTES, oneLine } from '../contract/index.ts';
import type { JsonSchema } from './schema-path.ts';

/** Words about data, which say nothing of what it must be. */
const ANNOTATIONS = new Set([
  ...['$schema', '$id', '$comment', 'title', 'description', 'examples', 'default', 'deprecated'],
]);
/** Words that hold only beside a type; of each other word below we know that it is kept to. */
const OF_TYPE: Readonly<Record<string, readonly string[]>> = {
  properties: ['object'],
  required: ['object'],
  additionalProperties: ['object'],
  items: ['array'],
  minItems: ['array'],
  maxItems: ['array'],
  uniqueItems: ['array'],
  minLength: ['string'],
  maxLength: ['string'],
  pattern: ['string'],
  minimum: ['number', 'integer'],
  maximum: ['number', 'integer'],
  exclusiveMinimum: ['number', 'integer'],
  exclusiveMaximum: ['number', 'integer'],
  multipleOf: ['number', 'integer'],
};
const TYPES = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'];
/** Each says all: what stands beside it would go unheard. */
const ALONE = ['$ref', 'anyOf', 'oneOf', 'enum', 'const'];
/** How many things that are wrong a subagent is told. */
const MAX_PROBLEMS = 20;
const MAX_PROBLEM_CHARS = 200;
/** Levels of lists and objects: more than any real data has, and less than what makes readers fall over. */
const MAX_DEPTH = 64;

/** What is wrong with a schema that a report is to fit; undefined where nothing is. */
export function schemaProblem(schema: unknown): string | undefined {
  try {
    validatorOf(schema);
    return undefined;
  } catch (error) {
    return error instanceof Error ? oneLine(error.message, 300) : String(error);
  }
}

/** What a step is told of its final message, after its task. */
export function outputTask(schema: unknown): string {
  return [
    'Your final message is read by a program. It is one JSON value, bare or in one fenced ```json block, that fits this JSON schema:',
    `\`\`\`json\n${JSON.stringify(schema, null, 2)}\n\`\`\``,
  ].join('\n');
}

/** What is told of the final message in turns that something else has opened. */
export const OUTPUT_AGAIN = 'End with the whole JSON value again, as the task asks for it.';

/** The data of a report, or what is wrong with it, in words for its subagent. */
export type ReadOutput = { readonly value: unknown } | { readonly problem: string };

/** Reads a report: one JSON value, bare or in one fenced json block, that fits `schema`. @throws Error where the schema is not one of ours */
export function readOutput(report: string, schema: unknown): ReadOutput {
  const validator = validatorOf(schema);
  if (byteLength(report) > MAX_OUTPUT_BYTES)
    return { problem: `it is larger than ${MAX_OUTPUT_BYTES / 1024} KiB` };
  const found = jsonIn(report);
  if ('problem' in found) return found;
  if (isDeeper(found.value, MAX_DEPTH)) return { problem: `it has more than ${MAX_DEPTH} levels` };
  const parsed = validator.safeParse(found.value);
  // The value as it was said: parsing takes `__proto__` out.
  if (parsed.success) return found;
  const lines = parsed.error.issues
    .slice(0, MAX_PROBLEMS)
    .map(({ path, message }) => `${path.length === 0 ? 'the value' : path.join('.')}: ${message}`)
    .map((line) => oneLine(line, MAX_PROBLEM_CHARS));
  return { problem: `it does not fit the schema: ${lines.join('; ')}` };
}

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((part) => isDeeper(part, levels - 1)));

function jsonIn(report: string): ReadOutput {
  const bare = parsed(report.trim());
  if ('value' in bare) return bare;
  // No line of JSON begins with a fence: strings in it have no line ends.
  const blocks = [...report.matchAll(/^[ \t]*```json[ \t]*\r?\n([\s\S]*?)^[ \t]*```[ \t]*$/gim)];
  if (blocks.length > 1) return { problem: `it has ${blocks.length} fenced json blocks, and must have one` };
  const [block] = blocks;
  if (!block) return { problem: 'it is no JSON, and has no fenced json block' };
  return parsed(block[1] ?? '');
}

function parsed(text: string): ReadOutput {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { problem: `its JSON cannot be read: ${(error as Error).message}` };
  }
}

function validatorOf(schema: unknown): z.ZodType {
  const known = understood(schema, '');
  return z.fromJSONSchema(known as Parameters<typeof z.fromJSONSchema>[0]);
}

/** The schema without annotations. @throws Error for a word that would not be kept to: what is validated must fit all that it says */
function understood(schema: unknown, where: string): JsonSchema | boolean {
  const at = where === '' ? 'the schema' : where;
  if (typeof schema === 'boolean') return schema;
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema))
    throw new Error(`${at} is no JSON schema`);
  const entries = Object.entries(schema).filter(([word]) => !ANNOTATIONS.has(word));
  const words = entries.map(([word]) => word);
  const types = [(schema as JsonSchema).type ?? []].flat();
  const unknown = types.find((type) => !TYPES.includes(type));
  if (unknown !== undefined) throw new Error(`${at}: there is no type ${JSON.stringify(unknown)}`);
  const alone = words.find((word) => ALONE.includes(word));
  const beside = words.find(
    (word) => word !== alone && word !== '$defs' && !(word === 'type' && isValue(alone)),
  );
  if (alone !== undefined && beside !== undefined)
    throw new Error(`${at}: "${beside}" goes unheard beside "${alone}"`);
  return Object.fromEntries(
    entries
      .filter(([word]) => !(word === 'type' && isValue(alone)))
      .map(([word, value]) => [word, part(word, value, { at, where, types, schema: schema as JsonSchema })]),
  );
}

const isValue = (word: string | undefined): boolean => word === 'enum' || word === 'const';

/** One word of a schema, in the same way. */
function part(
  word: string,
  value: unknown,
  of: { at: string; where: string; types: readonly string[]; schema: JsonSchema },
): unknown {
  const { at, where, types, schema } = of;
  const inside = (name: string | number): string => (where === '' ? String(name) : `${where}.${name}`);
  const each = (map: unknown): unknown => {
    if (typeof map !== 'object' || map === null || Array.isArray(map))
      throw new Error(`${at}: "${word}" maps names to schemas`);
    return Object.fromEntries(
      Object.entries(map).map(([name, sub]) => [name, understood(sub, inside(name))]),
    );
  };
  const needed = Object.hasOwn(OF_TYPE, word) ? OF_TYPE[word] : undefined;
  if (needed && !needed.some((type) => types.includes(type)))
    throw new Error(`${at}: "${word}" needs "type": "${needed[0]}" beside it`);
  switch (word) {
    case 'properties':
    case '$defs':
      return each(value);
    case 'items':
    case 'additionalProperties':
      return understood(value, inside(word === 'items' ? '0' : '*'));
    case 'anyOf':
    case 'oneOf':
      if (!Array.isArray(value) || value.length === 0)
        throw new Error(`${at}: "${word}" is a list of schemas`);
      return value.map((sub) => understood(sub, where));
    case 'required': {
      const names = [value].flat().map((name) => (typeof name === 'string' ? name : ''));
      const missing = names.find((name) => !Object.hasOwn(schema.properties ?? {}, name));
      if (missing !== undefined)
        throw new Error(`${at}: "${missing}" is required, and is not among its properties`);
      return value;
    }
    case 'enum':
    case 'const':
      if ([value].flat().some((one) => typeof one === 'object' && one !== null))
        throw new Error(`${at}: "${word}" takes words, numbers, true, false and null`);
      return value;
    case 'type':
    case '$ref':
      return value;
    default:
      if (!needed) throw new Error(`${at}: "${word}" is not supported`);
      if (typeof value !== kindOf(word)) throw new Error(`${at}: "${word}" takes a ${kindOf(word)}`);
      return value;
  }
}

const kindOf = (word: string): string =>
  word === 'pattern' ? 'string' : word === 'uniqueItems' ? 'boolean' : 'number';
