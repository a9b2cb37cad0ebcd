import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { defaultSlots, readSettings } from '../../src/home/settings.ts';

test.each([
  ['a small virtual machine', 1, 1, 2],
  ['2 cores', 2, 16, 4],
  ['many cores, little memory', 16, 4, 8],
  ['a workstation', 12, 64, 24],
  ['a server', 64, 512, 32],
])('slots of %s', (_name, cores, memoryGib, slots) => {
  expect(defaultSlots(cores, memoryGib)).toBe(slots);
});

const DISK = { keepMs: 14 * 86_400_000, keepBytes: 20e9, reserveBytes: 500e6, maxFolderBytes: Infinity };
const SANDBOX = { sandbox: 'on', sandboxNetwork: 'all', sandboxRead: [], sandboxCaches: 'off' };

test('without variables: slots from the machine, everything else left open', () => {
  const { slots, sandboxBounds, ...rest } = readSettings({});
  expect(slots).toBeGreaterThanOrEqual(2);
  expect(slots).toBeLessThanOrEqual(32);
  expect(rest).toEqual({ models: undefined, model: undefined, copilotPath: undefined, ...SANDBOX, ...DISK });
  expect(sandboxBounds.memory).toBeGreaterThanOrEqual(1e9);
  expect(sandboxBounds.processes).toBe(Math.max(1_000, 250 * availableParallelism()));
  expect(sandboxBounds.disk).toBe(20e9);
});

test('the policy is read from its file, or by its name; a bad one is refused with its rule', () => {
  const folder = mkdtempSync(join(tmpdir(), 'policy-'));
  const file = join(folder, 'policy.json');
  const read = (content: string) => {
    writeFileSync(file, content);
    return readSettings({ SUBAGENTS_POLICY: file }).policy;
  };
  try {
    expect(readSettings({ SUBAGENTS_POLICY: 'careful' }).policy).toEqual({ use: 'careful' });
    expect(read('{"deny": ["command git push"]}')).toEqual({ deny: ['command git push'] });
    expect(() => read('{"deny": ["git push"]}')).toThrow(
      `SUBAGENTS_POLICY=${file}: the policy ${file}: deny.0: the rule "git push" begins with none of command, path, path:write, host and tool: write it like "command git push"`,
    );
    expect(() => read('{"use": ')).toThrow(`SUBAGENTS_POLICY=${file}: the policy ${file}: it is not JSON (`);
    expect(() => readSettings({ SUBAGENTS_POLICY: 'carefree' })).toThrow('ENOENT');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('from variables; empty ones count as absent', () => {
  expect(
    readSettings({
      SUBAGENTS_SLOTS: '7',
      SUBAGENTS_MODELS: 'a, b,,',
      SUBAGENTS_MODEL: 'b',
      SUBAGENTS_COPILOT_PATH: '/opt/copilot',
      SUBAGENTS_SANDBOX_MEMORY: '2GB',
      SUBAGENTS_SANDBOX_PROCESSES: '200',
      SUBAGENTS_SANDBOX_DISK: '500MB',
    }),
  ).toEqual({
    ...{ slots: 7, models: ['a', 'b'], model: 'b', copilotPath: '/opt/copilot', ...SANDBOX, ...DISK },
    sandboxBounds: { memory: 2e9, processes: 200, disk: 500e6 },
  });
  expect(readSettings({ SUBAGENTS_SLOTS: '', SUBAGENTS_MODELS: ' , ', SUBAGENTS_MODEL: ' ' })).toEqual(
    readSettings({}),
  );
});

test.each([
  ['forever', '0B', Infinity, 0],
  ['90m', '1.5 gb', 5_400_000, 1.5e9],
  ['0', '0', 0, 0],
  ['2 days', '20B', 172_800_000, 20],
])('keep %s and %s', (age, size, keepMs, keepBytes) => {
  const settings = readSettings({ SUBAGENTS_KEEP: age, SUBAGENTS_KEEP_DISK: size });
  expect(settings).toMatchObject({ keepMs, keepBytes });
});

describe('a value that does not fit is named', () => {
  test.each([
    [{ SUBAGENTS_SLOTS: 'many' }, /^SUBAGENTS_SLOTS=many: /],
    [{ SUBAGENTS_SLOTS: '0' }, /^SUBAGENTS_SLOTS=0: /],
    [{ SUBAGENTS_SLOTS: '2.5' }, /^SUBAGENTS_SLOTS=2\.5: /],
    [{ SUBAGENTS_KEEP: 'long' }, /^SUBAGENTS_KEEP=long: write it like/],
    [{ SUBAGENTS_KEEP: '14' }, /^SUBAGENTS_KEEP=14: write it like/],
    [{ SUBAGENTS_KEEP: '.5' }, /^SUBAGENTS_KEEP=\.5: write it like/],
    [{ SUBAGENTS_KEEP: '-1d' }, /^SUBAGENTS_KEEP=-1d: write it like/],
    [{ SUBAGENTS_KEEP: `${'1'.repeat(200)}d` }, /: write it like/],
    [{ SUBAGENTS_SANDBOX_MEMORY: '2' }, /^SUBAGENTS_SANDBOX_MEMORY=2: write it like/],
    [{ SUBAGENTS_SANDBOX_PROCESSES: '50' }, /^SUBAGENTS_SANDBOX_PROCESSES=50: /],
    [{ SUBAGENTS_KEEP_DISK: '20' }, /^SUBAGENTS_KEEP_DISK=20: write it like/],
    [{ SUBAGENTS_KEEP_DISK: '1.5' }, /^SUBAGENTS_KEEP_DISK=1\.5: write it like/],
    [{ SUBAGENTS_KEEP_DISK: '1 elephant' }, /^SUBAGENTS_KEEP_DISK=1 elephant: write it like/],
    [{ SUBAGENTS_ENV: 'A,B=value' }, /^SUBAGENTS_ENV=A,B=value: names of variables/],
    [{ SUBAGENTS_MODELS: 'a', SUBAGENTS_MODEL: 'b' }, /^SUBAGENTS_MODEL=b: it is not among SUBAGENTS_MODELS/],
  ])('%j', (env, message) => {
    expect(() => readSettings(env)).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringMatching(message) as string }),
    );
  });
});
