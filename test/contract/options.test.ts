/** A spawn option is declared once, in `SPAWN_OPTIONS`: each face has it from there. */
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../src/cli/program.ts';
import { fieldsOf, flagOf } from '../../src/cli/spawn-flags.ts';
import {
  chainSpec,
  COMMON_OPTIONS,
  CONTINUE_OPTIONS,
  continueSpec,
  optionText,
  REPOSITORY_OPTIONS,
  repositorySettings,
  spawnOptions,
  spawnSpec,
  resolvedOptions,
  type SpawnOptionName,
} from '../../src/contract/index.ts';

/** The options of commander of a command, by their long flag. */
function flagsOf(name: string): Map<string, string> {
  const command = buildProgram('1.0.0', () => undefined).commands.find((each) => each.name() === name);
  return new Map(command?.options.map(({ long, description }) => [long ?? '', description]));
}
const longOf = (flags: string): string => /--[a-z-]+/.exec(flags)?.[0] ?? '';
const faces = {
  spawn: { options: spawnOptions().map(({ name }) => name), flags: flagsOf('spawn') },
  continue: { options: CONTINUE_OPTIONS, flags: flagsOf('continue') },
  batch: { options: COMMON_OPTIONS, flags: flagsOf('batch') },
  race: { options: COMMON_OPTIONS, flags: flagsOf('race') },
} satisfies Record<string, { options: readonly SpawnOptionName[]; flags: Map<string, string> }>;

describe.each(spawnOptions())('the option $name', ({ name, flags, about }) => {
  it.each(Object.entries(faces))('is a flag of %s where it is declared so', (_command, face) => {
    const description = face.flags.get(longOf(flags));
    if ((face.options as readonly string[]).includes(name)) expect(description).toContain(about);
    else expect(description ?? '').not.toContain(about);
  });

  it('is a field of what it is declared for, described', () => {
    const [field = '', part] = name.split('.');
    const schema = spawnSpec.shape[field as keyof typeof spawnSpec.shape];
    if (part === undefined) expect(schema.description).toBe(optionText(name));
    expect(field in chainSpec.shape.steps.element.shape).toBe(true);
    expect(field in continueSpec.shape).toBe((CONTINUE_OPTIONS as readonly string[]).includes(name));
    expect(field in repositorySettings.shape).toBe((REPOSITORY_OPTIONS as readonly string[]).includes(name));
  });
});

it('flags are the fields of a spec, which travel', () => {
  const fields = fieldsOf({
    inPlace: true,
    maxTokens: 5,
    maxTurns: 2,
    stuckAfter: '2m',
    verify: ['true'],
    wait: true,
  });
  expect(fields).toEqual({
    isolation: 'in-place',
    budget: { tokens: 5, turns: 2 },
    stuckAfter: '2m',
    verify: ['true'],
  });
  const parsed = spawnSpec.parse({ label: 'a', task: 'b', ...fields });
  expect(resolvedOptions(parsed)).toEqual({
    budget: { tokens: 5, turns: 2 },
    stuckAfterMs: 120_000,
    verify: ['true'],
  });
  expect([flagOf('stuckAfter'), flagOf('budget'), flagOf('task')]).toEqual([
    '--stuck-after',
    '--max-…',
    undefined,
  ]);
});
