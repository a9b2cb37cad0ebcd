/** TypeScript for what a schema takes, with its descriptions as doc comments, which an editor shows. */
import { z } from 'zod';

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
}

/** What an interface does not say itself. */
interface Elsewhere {
  /** What it extends, and the members that it has from there. */
  readonly base?: { readonly type: string; readonly members: readonly string[] };
  /** By its name, the type of a member that is declared apart. */
  readonly types?: Readonly<Record<string, string>>;
}

/** An exported interface. */
export function declareInterface(
  name: string,
  about: string,
  schema: z.ZodType,
  { base, types = {} }: Elsewhere = {},
): string {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' }) as Schema;
  const own = Object.entries(properties).filter(([member]) => base?.members.includes(member) !== true);
  const extending = base === undefined ? '' : ` extends ${base.type}`;
  return `/** ${about} */\nexport interface ${name}${extending} {\n${members(Object.fromEntries(own), required, types)}\n}\n`;
}

function members(
  properties: Readonly<Record<string, Schema>>,
  required: readonly string[],
  types: Readonly<Record<string, string>> = {},
): string {
  return Object.entries(properties)
    .map(([name, schema]) => {
      const { description } = schema;
      const doc = description === undefined ? '' : `/** ${withDefault(description)} */\n`;
      const isRequired = required.includes(name);
      return `${doc}${name}${isRequired ? '' : '?'}: ${types[name] ?? typeOf(schema)}${isRequired ? '' : ' | undefined'};`;
    })
    .join('\n');
}

/** `…; default: X` as a tag. */
const withDefault = (description: string): string => {
  const [, about, preset] = /^(.*); default: (.*)$/s.exec(description) ?? [];
  return about === undefined ? description : `\n * ${about}\n * @default ${preset}\n`;
};

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' | ');
  switch (schema.type) {
    case 'integer':
      return 'number';
    case 'string':
    case 'number':
    case 'boolean':
      return schema.type;
    case 'array':
      return `(${typeOf(schema.items ?? {})})[]`;
    case 'object':
      return schema.properties
        ? `{\n${members(schema.properties, schema.required ?? [])}\n}`
        : `Record<string, ${typeof schema.additionalProperties === 'object' ? typeOf(schema.additionalProperties) : 'unknown'}>`;
    default:
      return 'unknown';
  }
}
