/** A step's `output`: which JSON schemas are supported. Decided in milliseconds for every schema. */
import { oneLine } from '../contract/index.ts';
import { compilePattern, patternProblem, patternSize } from './pattern.ts';
import type { JsonSchema } from './schema-path.ts';

/** Keywords that describe and do not constrain. */
const ANNOTATIONS = new Set([
  ...['$schema', '$id', '$comment', 'title', 'description', 'examples', 'default', 'deprecated'],
]);
/** Keywords that need one of these types beside them. All keywords in this table are supported. */
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
/** Keywords whose value is a count. */
const COUNTS: readonly string[] = ['minItems', 'maxItems', 'minLength', 'maxLength'];
/** Pairs of bounds that nothing can satisfy if the first is larger than the second. */
const PAIRS = [
  ['minItems', 'maxItems'],
  ['minLength', 'maxLength'],
  ['minimum', 'maximum'],
] as const;
const TYPES = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'];
/** Keywords that must stand alone, because keywords beside them would be ignored. */
const ALONE = ['$ref', 'anyOf', 'oneOf', 'enum', 'const'];

/** Nested schemas, counting the target of a `$ref` at each place: each costs time for each value of a report. */
const MAX_SCHEMAS = 1_000;
const MAX_LEVELS = 32;
/** Total instructions of all patterns; see `patternSize`. */
const MAX_PATTERN_SIZE = 10_000;
/** Valid names in `$defs`. */
const DEFINITION = /^[\w.-]+$/;

/** What is wrong with the schema of a report; undefined if nothing is. */
export function schemaProblem(schema: unknown): string | undefined {
  try {
    plainSchema(schema);
    return undefined;
  } catch (error) {
    return error instanceof Error ? oneLine(error.message, 300) : String(error);
  }
}

/**
 * The schema reduced to constraints: without annotations, and with each `$ref` replaced by its target.
 * @throws Error for an unsupported keyword, because validated data must satisfy the whole schema; and for a schema that
 * could take long to compile or validate
 */
export function plainSchema(schema: unknown): JsonSchema | boolean {
  return new Reader(schema).read(schema, '', 0);
}

/** The position of a keyword in the schema. */
interface KeywordPosition {
  /** For messages. */
  readonly at: string;
  /** Path of the described data. */
  readonly where: string;
  readonly level: number;
}

class Reader {
  readonly #root: unknown;
  readonly #definitions: Readonly<Record<string, unknown>>;
  /** Names of the `$ref` targets that are being read. */
  readonly #open: string[] = [];
  #schemas = 0;
  #patternSize = 0;

  constructor(root: unknown) {
    this.#root = root;
    const { $defs: definitions } = isMap(root) ? root : {};
    this.#definitions = isMap(definitions) ? definitions : {};
  }

  read(schema: unknown, where: string, level: number): JsonSchema | boolean {
    const place = { at: where === '' ? 'the schema' : where, where, level };
    if (++this.#schemas > MAX_SCHEMAS)
      throw new Error(
        `the schema has more than ${MAX_SCHEMAS} subschemas (a referenced one counts at each "$ref"): make it smaller`,
      );
    if (level > MAX_LEVELS) throw new Error(`the schema has more than ${MAX_LEVELS} levels`);
    if (typeof schema === 'boolean') return schema;
    if (!isMap(schema)) throw new Error(`${place.at} is not a JSON schema`);
    const given = Object.entries(schema).filter(([word]) => !ANNOTATIONS.has(word));
    const entries = given.filter(([word]) => !(word === '$defs' && schema === this.#root));
    if (entries.length < given.length) this.#checkDefinitions(schema['$defs']);
    const types = typesOf(schema, place.at);
    checkAlone(entries, place.at);
    checkPairs(schema, place.at);
    if (typeof schema['$ref'] === 'string') return this.#referenced(schema['$ref'], place);
    const isValue = entries.some(([word]) => word === 'enum' || word === 'const');
    return Object.fromEntries(
      entries
        .filter(([word]) => !(word === 'type' && isValue))
        .map(([word, value]) => {
          const needed = Object.hasOwn(OF_TYPE, word) ? OF_TYPE[word] : undefined;
          if (needed && !needed.some((type) => types.includes(type)))
            throw new Error(`${place.at}: "${word}" needs "type": "${needed[0]}" beside it`);
          return [word, this.#keyword(word, value, place, schema)];
        }),
    );
  }

  /** Checks all definitions, including unused ones, so that a bad one is reported now and not when it is first used. */
  #checkDefinitions(definitions: unknown): void {
    if (!isMap(definitions)) throw new Error('the schema: "$defs" maps names to schemas');
    for (const name of Object.keys(definitions)) {
      if (!DEFINITION.test(name))
        throw new Error(
          `the schema: "$defs" has the name ${JSON.stringify(name)}; use letters, digits, "_", "." and "-"`,
        );
      this.#referenced(`#/$defs/${name}`, { at: 'the schema', where: '', level: 0 });
    }
  }

  #referenced(reference: string, { at, where, level }: KeywordPosition): JsonSchema | boolean {
    const name = reference.startsWith('#/$defs/') ? reference.slice('#/$defs/'.length) : undefined;
    if (name === undefined || !Object.hasOwn(this.#definitions, name))
      throw new Error(`${at}: "$ref" ${JSON.stringify(reference)} is not found; it names one of "$defs"`);
    if (this.#open.includes(name))
      throw new Error(`${at}: "$ref" ${JSON.stringify(reference)} is recursive, which is not supported`);
    this.#open.push(name);
    const found = this.read(this.#definitions[name], where, level + 1);
    this.#open.pop();
    return found;
  }

  #keyword(word: string, value: unknown, { at, where, level }: KeywordPosition, schema: JsonSchema): unknown {
    const pathTo = (name: string): string => (where === '' ? name : `${where}.${name}`);
    switch (word) {
      case 'properties':
        if (!isMap(value)) throw new Error(`${at}: "${word}" maps names to schemas`);
        return Object.fromEntries(
          Object.entries(value).map(([name, sub]) => [name, this.read(sub, pathTo(name), level + 1)]),
        );
      case 'items':
      case 'additionalProperties':
        return this.read(value, pathTo(word === 'items' ? '0' : '*'), level + 1);
      case 'anyOf':
      case 'oneOf':
        if (!Array.isArray(value) || value.length === 0)
          throw new Error(`${at}: "${word}" is a list of schemas`);
        return value.map((sub) => this.read(sub, where, level + 1));
      case 'required': {
        if (!Array.isArray(value)) throw new Error(`${at}: "${word}" is a list of names`);
        const names = new Set(value.map((name) => (typeof name === 'string' ? name : '')));
        const missing = [...names].find((name) => !Object.hasOwn(schema.properties ?? {}, name));
        if (missing !== undefined)
          throw new Error(`${at}: "${missing}" is required but is not among the properties`);
        return [...names];
      }
      case 'enum':
        if (!Array.isArray(value) || value.length === 0)
          throw new Error(`${at}: "${word}" is a list of values`);
        if (!value.every(isScalar))
          throw new Error(`${at}: "${word}" takes strings, numbers, true, false and null`);
        return [...new Set(value)];
      case 'const':
        if (!isScalar(value))
          throw new Error(`${at}: "${word}" takes strings, numbers, true, false and null`);
        return value;
      case 'type':
        return value;
      case 'pattern':
        return this.#pattern(value, at);
      default:
        if (!Object.hasOwn(OF_TYPE, word)) throw new Error(`${at}: "${word}" is not supported`);
        return checkNumericKeyword(word, value, at);
    }
  }

  #pattern(pattern: unknown, at: string): string {
    if (typeof pattern !== 'string') throw new Error(`${at}: "pattern" takes a string`);
    const problem = patternProblem(pattern);
    if (problem !== undefined) throw new Error(`${at}: ${problem}`);
    this.#patternSize += patternSize(pattern);
    if (this.#patternSize > MAX_PATTERN_SIZE)
      throw new Error(
        `${at}: this pattern, or all patterns of the schema together, are too large once their repeats are expanded`,
      );
    try {
      compilePattern(pattern);
    } catch (error) {
      throw new Error(`${at}: ${(error as Error).message}`, { cause: error });
    }
    return pattern;
  }
}

function typesOf({ type }: JsonSchema, at: string): readonly unknown[] {
  if (type === undefined) return [];
  const types: readonly unknown[] = [type].flat();
  const unknown = types.find((each) => typeof each !== 'string' || !TYPES.includes(each));
  if (unknown !== undefined) throw new Error(`${at}: there is no type ${JSON.stringify(unknown)}`);
  if (types.length === 0 || new Set(types).size < types.length)
    throw new Error(`${at}: "type" is a type, or a list of different ones`);
  return types;
}

function checkAlone(entries: readonly (readonly [string, unknown])[], at: string): void {
  const words = entries.map(([word]) => word);
  const alone = words.find((word) => ALONE.includes(word));
  const isValue = alone === 'enum' || alone === 'const';
  const beside = words.find((word) => word !== alone && !(word === 'type' && isValue));
  if (alone !== undefined && beside !== undefined)
    throw new Error(`${at}: "${beside}" has no effect next to "${alone}"`);
  if (alone === '$ref' && typeof entries.find(([word]) => word === '$ref')?.[1] !== 'string')
    throw new Error(`${at}: "$ref" takes a string`);
}

function checkPairs(schema: JsonSchema, at: string): void {
  for (const [least, most] of PAIRS) {
    const [low, high] = [schema[least], schema[most]];
    if (typeof low === 'number' && typeof high === 'number' && low > high)
      throw new Error(`${at}: no value can satisfy both "${least}": ${low} and "${most}": ${high}`);
  }
}

/** Checks a numeric keyword, or `uniqueItems`. */
function checkNumericKeyword(word: string, value: unknown, at: string): unknown {
  const kind = word === 'uniqueItems' ? 'boolean' : 'number';
  if (typeof value !== kind || (kind === 'number' && !Number.isFinite(value)))
    throw new Error(`${at}: "${word}" takes a ${kind}`);
  if (COUNTS.includes(word) && !(Number.isSafeInteger(value) && Number(value) >= 0))
    throw new Error(`${at}: "${word}" takes a whole number from 0`);
  if (word === 'multipleOf' && !(Number(value) > 0))
    throw new Error(`${at}: "${word}" takes a number above 0`);
  return value;
}

const isMap = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isScalar = (value: unknown): boolean => typeof value !== 'object' || value === null;
