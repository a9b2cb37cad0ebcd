/** TypeScript for JSON Schemas, with their descriptions as doc comments, which an editor shows. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
}

/** How an interface is declared. */
interface Declaration {
  /** What it extends, and the members that it has from there. */
  readonly base?: { readonly type: string; readonly members: readonly string[] };
  /** By its name, the type of a member that is declared apart. */
  readonly types?: Readonly<Record<string, string>>;
  /** Whether nothing of it can be changed. */
  readonly readonly?: boolean;
}

/** An exported interface. */
export function declareInterface(
  name: string,
  about: string,
  { properties = {}, required = [] }: Schema,
  { base, types = {}, readonly = false }: Declaration = {},
): string {
  const own = Object.entries(properties).filter(([member]) => base?.members.includes(member) !== true);
  const extending = base === undefined ? '' : ` extends ${base.type}`;
  const body = members({ properties: Object.fromEntries(own), required }, readonly, types);
  return `/** ${about} */\nexport interface ${name}${extending} {\n${body}\n}\n`;
}

function members(
  { properties = {}, required = [] }: Schema,
  readonly: boolean,
  types: Readonly<Record<string, string>> = {},
): string {
  return Object.entries(properties)
    .map(([name, schema]) => {
      const { description } = schema;
      const doc = description === undefined ? '' : `/** ${withDefault(description)} */\n`;
      const isRequired = required.includes(name);
      const type = types[name] ?? typeOf(schema, readonly);
      const orNot = isRequired || type === 'unknown' ? '' : ' | undefined';
      return `${doc}${readonly ? 'readonly ' : ''}${name}${isRequired ? '' : '?'}: ${type}${orNot};`;
    })
    .join('\n');
}

/** `…; default: X` as a tag. */
const withDefault = (description: string): string => {
  const [, about, preset] = /^(.*); default: (.*)$/s.exec(description) ?? [];
  return about === undefined ? description : `\n * ${about}\n * @default ${preset}\n`;
};

function typeOf(schema: Schema, readonly: boolean): string {
  const before = readonly ? 'readonly ' : '';
  if (schema.$ref !== undefined) return schema.$ref;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.anyOf) return schema.anyOf.map((each) => typeOf(each, readonly)).join(' | ');
  if (Array.isArray(schema.type))
    return schema.type.map((type: string) => typeOf({ ...schema, type }, readonly)).join(' | ');
  switch (schema.type) {
    case 'integer':
      return 'number';
    case 'string':
    case 'number':
    case 'boolean':
    case 'null':
      return schema.type;
    case 'array':
      return `${before}(${typeOf(schema.items ?? {}, readonly)})[]`;
    case 'object': {
      if (schema.properties) return `{\n${members(schema, readonly)}\n}`;
      const { additionalProperties: values } = schema;
      const record = `Record<string, ${typeof values === 'object' ? typeOf(values, readonly) : 'unknown'}>`;
      return readonly ? `Readonly<${record}>` : record;
    }
    default:
      return 'unknown';
  }
}
