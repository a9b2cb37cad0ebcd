/** A JSON schema, as far as we read it. */
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

/** Whether data of this schema may have something at `path`. What the schema leaves open may be there. */
export function hasPath(schema: JsonSchema | boolean | undefined, path: readonly string[]): boolean {
  if (typeof schema !== 'object') return schema !== false;
  const [key, ...rest] = path;
  if (key === undefined) return true;
  const ways = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  if (ways.length > 0) return ways.some((way) => hasPath(way, path));
  if (schema.$ref !== undefined || schema.allOf !== undefined || schema.patternProperties !== undefined)
    return true;
  if (schema.properties && Object.hasOwn(schema.properties, key))
    return hasPath(schema.properties[key], rest);
  if (schema.items !== undefined || schema.type === 'array')
    return /^\d+$/.test(key) && hasPath(schema.items, rest);
  if (schema.properties) {
    return schema.additionalProperties !== undefined && hasPath(schema.additionalProperties, rest);
  }
  return schema.type === undefined || schema.type === 'object';
}
