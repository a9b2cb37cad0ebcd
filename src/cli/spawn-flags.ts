/** Maps between the flags of spawn options and the fields of a spec. */
import { Option } from 'commander';
import { SPAWN_OPTIONS, spawnOptions, type SpawnOptionName } from '../contract/spawn/spawn-options.ts';
import { amount, policyFile, repeated } from './declare/values.ts';

const READERS = { list: repeated, amount, policy: policyFile } as const;

/** Adds the flags of the options `names` to a command. `fieldsOf` reads their values. */
export function withSpawnOptions<Declared extends { addOption(option: never): unknown }>(
  command: Declared,
  names: readonly SpawnOptionName[],
): Declared {
  for (const { name, flags, about, default: preset, reads } of spawnOptions()) {
    if (!names.includes(name)) continue;
    const hints = [
      ...(reads === 'list' ? ['repeatable'] : []),
      ...(preset === undefined ? [] : [`default: ${preset}`]),
    ];
    const option = new Option(flags, hints.length === 0 ? about : `${about} (${hints.join('; ')})`);
    if (reads !== undefined) option.argParser(READERS[reads] as (value: string, before: unknown) => unknown);
    command.addOption(option as never);
  }
  return command;
}

/** The fields of a spec that `flags` set, of the options `names`. The values are not checked. */
export function fieldsOf(
  flags: object,
  names: readonly SpawnOptionName[] = Object.keys(SPAWN_OPTIONS) as SpawnOptionName[],
): Record<string, unknown> {
  const given = flags as Readonly<Record<string, unknown>>;
  const fields: Record<string, unknown> = {};
  for (const { name, flags: declared, value } of spawnOptions()) {
    const set = given[new Option(declared).attributeName()];
    if (!names.includes(name) || set === undefined) continue;
    const [field = name, part] = name.split('.');
    fields[field] = part === undefined ? (value ?? set) : { ...(fields[field] as object), [part]: set };
  }
  return fields;
}

/** The flag of a field, for messages. For a field with several flags, their common beginning. */
export function flagOf(field: string): string | undefined {
  const options = spawnOptions().filter(({ name }) => name.split('.')[0] === field);
  const [first] = options.map(({ flags }) => new Option(flags).long);
  return options.length > 1 ? `${first?.replace(/[a-z]+$/, '')}…` : (first ?? undefined);
}
