/**
 * What is derived from the schemas and kept in files says what the code accepts: `npx vitest run test/contract/schemas.test.ts -u`
 * writes the files anew.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { format, resolveConfig } from 'prettier';
import { RE2JS } from 're2js';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { REPORTS } from '../../src/cli/json.ts';
import {
  byteLength,
  caveat,
  chainSpec,
  chainStep,
  finalStatus,
  isolation,
  liveStatus,
  permissions,
  remains,
  repositorySettings,
  SETTINGS,
  spawnOptions,
  spawnSpec,
  stalled,
  status,
  type ChainSpec,
  type ChainStep,
  type DeepReadonly,
  type Setting,
  type SpawnSpec,
} from '../../src/contract/index.ts';
import { DOCUMENTED, type Documented } from '../../src/contract/reports/documented.ts';
import { errorReport } from '../../src/contract/reports/identity.ts';
import type * as reports from '../../src/contract/reports/types.ts';
import { newsSchema, TOOLS } from '../../src/tools/index.ts';
import { declareInterface, type Schema } from '../support/declare-type.ts';

const fileOf = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

/** What a schema takes. */
const taken = (schema: z.ZodType): Schema => z.toJSONSchema(schema, { io: 'input' }) as Schema;

/** @param parser prettier's */
async function expectFile(name: string, text: string, parser: string): Promise<void> {
  const file = fileOf(name);
  await expect(await format(text, { ...(await resolveConfig(file)), parser })).toMatchFileSnapshot(file);
}

it.each([
  ['subagents.schema.json', '.subagents.json', repositorySettings],
  ['subagents-chain.schema.json', 'a chain of subagents', chainSpec],
])('%s is what the code accepts', async (name, title, accepted) => {
  const schema = z.toJSONSchema(accepted, { io: 'input' });
  await expectFile(name, JSON.stringify({ title, ...schema }), 'json');
});

it('the documented types of specs are those of their schemas', async () => {
  const spawn =
    'A request for a subagent: the arguments of `session.spawn()`. Durations are written with their unit.';
  const chain = 'A chain: steps that are subagents, whose tasks may quote the outcomes of earlier steps.';
  const step = 'One step of a chain: a subagent, or several with `forEach`.';
  const options = Object.keys(spawnSpec.shape).filter((name) => name !== 'label' && name !== 'task');
  await expectFile(
    'src/contract/spawn/spawn-spec.ts',
    `// Written by test/contract/schemas.test.ts from the schemas in spec.ts and chain.ts: not to be changed by hand.

import type { CONTINUE_OPTIONS } from './spawn-options.ts';

${declareInterface('SpawnSpec', spawn, taken(spawnSpec))}
/** A continuation: the new task, and the options that change. All other options keep their values. */
export type ContinueSpec = Pick<SpawnSpec, 'task' | (typeof CONTINUE_OPTIONS)[number]>;

${declareInterface('ChainStep', step, taken(chainStep), { base: { type: "Omit<SpawnSpec, 'label' | 'task'>", members: options } })}
${declareInterface('ChainSpec', chain, taken(chainSpec), { types: { steps: 'ChainStep[]' } })}`,
    'typescript',
  );
  expectTypeOf<SpawnSpec>().toEqualTypeOf<z.input<typeof spawnSpec>>();
  expectTypeOf<ChainStep>().toEqualTypeOf<z.input<typeof chainStep>>();
  expectTypeOf<ChainSpec>().toEqualTypeOf<z.input<typeof chainSpec>>();
});

/** The types of reports, as `types.ts` declares them. */
interface Declared {
  SubagentIdentity: reports.SubagentIdentity;
  ErrorReport: reports.ErrorReport;
  ServerInfo: reports.ServerInfo;
  Announcement: reports.Announcement;
  AuditEntry: reports.AuditEntry;
  SpawnAccepted: reports.SpawnAccepted;
  SpawnRefused: reports.SpawnRefused;
  Receipt: reports.Receipt;
  Question: reports.Question;
  AnswerReceipt: reports.AnswerReceipt;
  Approval: reports.Approval;
  DecidedApproval: reports.DecidedApproval;
  OpenApproval: reports.OpenApproval;
  ApprovalReceipt: reports.ApprovalReceipt;
  Usage: reports.Usage;
  Stalled: reports.Stalled;
  ActivityProgress: reports.ActivityProgress;
  Absence: reports.Absence;
  Cleaned: reports.Cleaned;
  SessionEntry: reports.SessionEntry;
  SubagentRow: reports.SubagentRow;
  SessionListing: reports.SessionListing;
  FleetList: reports.FleetList;
  SessionOverview: reports.SessionOverview;
  WorkerDescription: reports.WorkerDescription;
  WorkerInfo: reports.WorkerInfo;
  WorkerList: reports.WorkerList;
  Check: reports.Check;
  PoolCheck: reports.PoolCheck;
  StepView: reports.StepView;
  SubagentDescription: reports.SubagentDescription;
  Verification: reports.Verification;
  Evidence: reports.Evidence;
  Caveat: reports.Caveat;
  SweepReport: reports.SweepReport;
  Outcome: reports.Outcome;
  KillReport: reports.KillReport;
  SubagentDiff: reports.SubagentDiff;
  MergeReport: reports.MergeReport;
  CleanedRun: reports.CleanedRun;
  CleanReport: reports.CleanReport;
  TranscriptEntry: reports.TranscriptEntry;
}

it('the documented types of reports are those of their schemas', async () => {
  const elsewhere: [name: string, schema: z.ZodType, file: string][] = [
    ['CaveatKind', caveat.shape.kind, '../outcome/caveat.ts'],
    ['ErrorCode', errorReport.shape.code, '../errors.ts'],
    ['Remains', remains, '../protocol/messages.ts'],
    ['Isolation', isolation, '../spawn/spec.ts'],
    ['Permissions', permissions, '../spawn/spec.ts'],
    ['StallReason', stalled.shape.reason, '../status/stalled.ts'],
    ['FinalStatus', finalStatus, '../status/status.ts'],
    ['LiveStatus', liveStatus, '../status/status.ts'],
    ['Status', status, '../status/status.ts'],
  ];
  const named = z.registry<{ id: string }>();
  for (const [id, schema] of elsewhere) named.add(schema, { id });
  for (const [id, { schema }] of Object.entries<Documented>(DOCUMENTED)) named.add(schema, { id });
  const { schemas } = z.toJSONSchema(named, { io: 'output', uri: (id) => id }) as {
    schemas: Readonly<Record<string, Schema>>;
  };
  const interfaces = Object.entries<Documented>(DOCUMENTED).map(([name, { about, base }]) =>
    declareInterface(name, about, schemas[name]!, {
      readonly: true,
      ...(base && { base: { type: base, members: Object.keys(schemas[base]!.properties!) } }),
    }),
  );
  const files = [...new Set(elsewhere.map(([, , file]) => file))];
  const imports = files.map((file) => {
    const names = elsewhere.flatMap(([name, , of]) =>
      of === file && interfaces.some((text) => new RegExp(`\\b${name}\\b`).test(text)) ? [name] : [],
    );
    return names.length === 0 ? '' : `import type { ${names.join(', ')} } from '${file}';`;
  });
  await expectFile(
    'src/contract/reports/types.ts',
    `// Written by test/contract/schemas.test.ts from the schemas in documented.ts: not to be changed by hand.

${imports.join('\n')}

${interfaces.join('\n')}`,
    'typescript',
  );
  expectTypeOf<DeepReadonly<Declared>>().toEqualTypeOf<{
    readonly [Name in keyof typeof DOCUMENTED]: DeepReadonly<z.output<(typeof DOCUMENTED)[Name]['schema']>>;
  }>();
});

it('docs/options.md has every option of a spawn', async () => {
  const marks = {
    continues: '`continue`',
    common: '`batch`, `race`',
    repository: '`.subagents.json`',
  } as const;
  const rows = spawnOptions().map((option) => {
    const { name, flags, about, default: preset = '' } = option;
    const also = Object.entries(marks).flatMap(([mark, where]) =>
      option[mark as keyof typeof marks] ? [where] : [],
    );
    return `| \`${flags}\` | \`${name}\` | ${about} | ${preset} | ${also.join(', ')} |`;
  });
  await expect(`<!-- Written by test/contract/schemas.test.ts from src/contract/spawn/spawn-options.ts: not to be changed by hand. -->

# Options of a spawn

\`subagents spawn\` takes the flags; \`session.spawn()\`, \`sessions_spawn\` and the steps of a chain take the fields. Durations have their unit: \`90s\`,
\`15m\`, \`2h\`. A list may be given as one; on the command line the flag is repeated.

| flag | field | what it does | default | also in |
|---|---|---|---|---|
${rows.join('\n')}
`).toMatchFileSnapshot(fileOf('docs/options.md'));
});

it('docs/settings.md has every variable of ours', async () => {
  const rows = Object.entries<Setting>(SETTINGS).map(
    ([name, { about, default: preset, without = '' }]) =>
      `| \`${name}\` | ${about} | ${preset === undefined ? without : `\`${preset}\``} |`,
  );
  const [before = '', after = ''] = (await readFile(fileOf('docs/settings.md'), 'utf8')).split(
    /^(?:\| `SUBAGENTS_.*\n)+/m,
  );
  await expect(`${before}${rows.join('\n')}\n${after}`).toMatchFileSnapshot(fileOf('docs/settings.md'));
});

describe('the JSON Schema of', () => {
  const schemas: [string, z.ZodType, 'input' | 'output'][] = [
    ['.subagents.json', repositorySettings, 'input'],
    ['a chain', chainSpec, 'input'],
    ['news', newsSchema, 'output'],
    ...TOOLS.flatMap(({ name, input, output }): [string, z.ZodType, 'input' | 'output'][] => [
      [`what ${name} takes`, input, 'input'],
      [`what ${name} answers`, output, 'output'],
    ]),
    ...Object.entries(REPORTS).map(([name, schema]): [string, z.ZodType, 'output'] => [
      `what ${name} prints`,
      schema,
      'output',
    ]),
  ];

  it.each(schemas)('%s is 2020-12, with patterns that are not of JavaScript alone', (_name, schema, io) => {
    const json = z.toJSONSchema(schema, { io });
    const ajv = new Ajv2020({ strict: true, strictTypes: false, validateFormats: false });
    expect(ajv.validateSchema(json)).toBe(true);
    const patterns: string[] = [];
    JSON.stringify(json, (key, value: unknown) => {
      if (key === 'pattern' && typeof value === 'string') patterns.push(value);
      return value;
    });
    // RE2 stands for the dialects of others: no look-around, no \u, no classes that need a flag.
    for (const pattern of patterns) {
      expect(() => RE2JS.compile(pattern), pattern).not.toThrow();
      expect(pattern).not.toMatch(/\\[pPu]/);
    }
  });
});

it.each(['', 'plain', 'größer', '한국어', '😀 and \uD83D alone, \uDE00 too', '\u07FF\u0800\uFFFF'])(
  'counts the bytes of %j',
  (text) => expect(byteLength(text)).toBe(Buffer.byteLength(text)),
);
