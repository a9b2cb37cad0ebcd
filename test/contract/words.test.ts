/** What does not fit is refused in our words, whatever the field and whatever is in it: none of zod's come through. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  chainSpec,
  validate,
  continueSpec,
  repositorySettings,
  spawnSpec,
} from '../../src/contract/index.ts';
import { TOOLS } from '../../src/tools/index.ts';

const ZODS =
  /\b(Invalid|Expected|expected|received|Required|Unrecognized|Too (?:big|small)|nonoptional|ZodError)\b/;
const WRONG: readonly unknown[] = [
  ...[
    null,
    true,
    -1,
    0,
    1.5,
    1e30,
    Number.NaN,
    '',
    ' ',
    'bogus',
    '\u0000',
    [],
    ['bogus', 1],
    {},
    { bogus: 1 },
  ],
  ...[[{}], [[]], [null], 'x'.repeat(300_000), Array.from({ length: 1_001 }, () => 'x'), 10n, () => 1],
];

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

/** The paths of all fields; `0` for the first entry of a list. */
function pathsIn(schema: Schema, above: readonly string[] = []): string[][] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => [
    [...above, name],
    ...pathsIn(field, [...above, name]),
  ]);
  const items =
    schema.items === undefined ? [] : [[...above, '0'], ...pathsIn(schema.items, [...above, '0'])];
  return [...own, ...items, ...(schema.anyOf ?? []).flatMap((each) => pathsIn(each, above))];
}

/** `base` with `value` at the path. */
function withAt(base: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  if (key === '0') return [withAt(Array.isArray(base) ? base[0] : undefined, rest, value)];
  const object = typeof base === 'object' && base !== null ? (base as Record<string, unknown>) : {};
  return { ...object, [key]: withAt(object[key], rest, value) };
}

const STEP = { id: 'a', task: 'do it' };
const SCHEMAS: readonly (readonly [string, z.ZodType, unknown])[] = [
  ['a spawn', spawnSpec, { label: 'a', task: 'do it' }],
  ['a continuation', continueSpec, { task: 'do it' }],
  ['.subagents.json', repositorySettings, {}],
  ['a chain', chainSpec, { label: 'a', steps: [STEP] }],
  ...TOOLS.map(
    ({ name, input }) =>
      [
        `the tool ${name}`,
        input,
        name === 'subagents' ? { action: 'list' } : { label: 'a', task: 'do it', steps: [STEP] },
      ] as const,
  ),
];

describe.each(SCHEMAS)('%s', (_name, schema, fits) => {
  const paths = pathsIn(z.toJSONSchema(schema, { io: 'input' }) as Schema);

  it.each([...new Set(paths.map((path) => path.join('.')))])('%s', (path) => {
    for (const value of WRONG) {
      const parsed = validate(schema, withAt(fits, path.split('.'), value));
      for (const { message } of parsed.error?.issues ?? []) {
        expect(message).not.toMatch(ZODS);
        expect(message).not.toBe('');
      }
    }
  });

  it('as a whole, missing and with fields that there are not', () => {
    for (const value of [...WRONG, undefined, { ...(fits as object), bogus: 1 }])
      for (const { message } of validate(schema, value).error?.issues ?? [])
        expect(message).not.toMatch(ZODS);
  });
});
