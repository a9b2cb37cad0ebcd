/** The JSON Schemas of what commands print, as the package has them for programs in any language. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { buildProgram } from '../../src/cli/program.ts';

const ajv = new Ajv2020({ strict: true, strictTypes: false, validateFormats: false, allErrors: true });

/**
 * @returns what the published schema of this name has against the text, one object, and fields that the schema does not describe;
 * nothing where all is well.
 */
export function objections(name: string, text: string): string[] {
  const file = new URL(`../../dist/schemas/${name}.schema.json`, import.meta.url);
  const isValid =
    ajv.getSchema(name) ??
    ajv.compile({ ...closed(JSON.parse(readFileSync(file, 'utf8')) as object), $id: name });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [`no JSON: ${text}`];
  }
  return isValid(value)
    ? []
    : (isValid.errors ?? []).map(
        ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
      );
}

/** The schema, with no fields but those that it describes: programs are to accept others, and we are to describe ours. */
const closed = (schema: object): object =>
  JSON.parse(JSON.stringify(schema), (_key, value: unknown) =>
    typeof value === 'object' && value !== null && 'properties' in value && 'type' in value
      ? { additionalProperties: false, ...value }
      : value,
  ) as object;

/** Every command of the program, such as `chain run`; not those that only hold others. */
export function commandNames(): string[] {
  const namesOf = (command: CommandUnknownOpts, above: readonly string[]): string[] => {
    const own = [...above, command.name()];
    const below = command.commands.flatMap((each) => namesOf(each, own));
    return ['chain', 'policy', 'store'].includes(command.name()) ? below : [own.join(' '), ...below];
  };
  return buildProgram('1.0.0', () => undefined).commands.flatMap((command) => namesOf(command, []));
}
