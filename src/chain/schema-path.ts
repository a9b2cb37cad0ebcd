/** A JSON schema, with the keywords that this file reads. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly [keyword: string]: unknown;
}

/** Whether data of this schema may have a value at `path`. Data that the schema leaves open counts as possible. */
export const hasPath = (schema: JsonSchema | boolean | undefined, path: readonly string[]): boolean =>
  schemasAt(schema, path).length > 0;

/** Whether data of this schema may have a list at `path`. */
export const hasList = (schema: JsonSchema | boolean | undefined, path: readonly string[]): boolean =>
  schemasAt(schema, path).some((found) => found === true || mayBe(found, 'array'));

/** The possible schemas of the value at `path`; `true` if the value may be anything. */
function schemasAt(
  schema: JsonSchema | boolean | undefined,
  path: readonly string[],
): readonly (JsonSchema | true)[] {
  if (typeof schema !== 'object') return schema === false ? [] : [true];
  const ways = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  if (ways.length > 0) return ways.flatMap((way) => schemasAt(way, path));
  if (schema.$ref !== undefined || schema.allOf !== undefined || schema.patternProperties !== undefined)
    return [true];
  const [key, ...rest] = path;
  if (key === undefined) return [schema];
  const { properties, additionalProperties, items } = schema;
  if (properties && Object.hasOwn(properties, key)) return schemasAt(properties[key], rest);
  const inList = mayBe(schema, 'array') && /^\d+$/.test(key) ? schemasAt(items, rest) : [];
  // An object that lists its properties may have others, but only those the schema describes can be quoted.
  const isOpen = mayBe(schema, 'object') && (properties === undefined || additionalProperties !== undefined);
  return [...inList, ...(isOpen ? schemasAt(additionalProperties, rest) : [])];
}

/** Whether data of this schema may be of `type`. */
function mayBe(schema: JsonSchema, type: 'array' | 'object'): boolean {
  // Supported `enum` and `const` values are strings, numbers, booleans and null.
  if (schema.enum !== undefined || schema.const !== undefined) return false;
  return schema.type === undefined || [schema.type].flat().includes(type);
}
