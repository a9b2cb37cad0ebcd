import { readdirSync } from 'node:fs';
import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { markedProcesses } from '../../bench/processes.ts';
import { KINDS, makePlan } from '../../chaos/plan.ts';
import { report } from '../../chaos/report.ts';
import { tableOf } from '../../chaos/table.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/home.ts';
import { processesWith } from '../support/world.ts';

const CHAOS = fileURLToPath(new URL('../../dist/chaos/main.js', import.meta.url));

describe('chaos', () => {
  it('loses nothing while workers, runtimes and the server are struck', { timeout: 400_000 }, async () => {
    await using folder = await temporaryFolder();
    const tmp = join(await realpath(folder.path), 'tmp');
    await mkdir(tmp);
    const sizes = ['--subagents', '12', '--strikes', '4', '--slots', '4', '--freeze', '4'];
    const { stdout, exitCode } = await execa(
      process.execPath,
      [CHAOS, '--json', '--seed', '11', '--patience', '120', ...sizes],
      // Ended in time it still cleans up.
      { env: { TMPDIR: tmp }, reject: false, timeout: 360_000 },
    );
    const result = report.parse(JSON.parse(stdout));
    expect(result.losses, tableOf(result)).toEqual([]);
    expect(exitCode).toBe(0);
    expect(result.strikes.filter(({ hit }) => hit).length).toBeGreaterThanOrEqual(2);
    const ended = result.rows.filter(({ name }) => name.startsWith('outcomes:'));
    expect(ended.reduce((sum, { got }) => sum + got, 0)).toBe(12);
    expect(readdirSync(tmp).filter((name) => name.startsWith('subagents-'))).toEqual([]);
    expect(processesWith(tmp)).toEqual([]);
  });

  it('ends everything it started when it is interrupted', async () => {
    await using folder = await temporaryFolder();
    const tmp = join(await realpath(folder.path), 'tmp');
    await mkdir(tmp);
    const run = execa(process.execPath, [CHAOS, '--subagents', '8', '--strikes', '0'], {
      env: { TMPDIR: tmp },
      reject: false,
      timeout: 220_000,
    });
    // The server, and of both workers their own process, what spawns their commands, and Copilot CLI.
    await eventually(() => markedProcesses(tmp).length >= 7);
    run.kill('SIGINT');
    expect(await run).toMatchObject({ exitCode: 130, stdout: '' });
    expect(readdirSync(tmp).filter((name) => name.startsWith('subagents-'))).toEqual([]);
    expect([...markedProcesses(tmp), ...processesWith(tmp)]).toEqual([]);
  });

  it('plans by its seed alone, every kind as often', () => {
    const options = { subagents: 80, workers: 2, strikes: 10, longestFreezeMs: 9_000, strikeServer: true };
    const plan = makePlan({ ...options, seed: 5 });
    expect(makePlan({ ...options, seed: 5 })).toEqual(plan);
    expect(makePlan({ ...options, seed: 6 })).not.toEqual(plan);
    for (const kind of KINDS) expect(plan.subagents.filter((each) => each.kind === kind)).toHaveLength(10);
    expect(plan.waves.reduce((sum, each) => sum + each, 0)).toBe(80);
    const foreign = makePlan({ ...options, seed: 5, strikeServer: false });
    expect(foreign.strikes.filter(({ part }) => part === 'server' || part === 'everything')).toEqual([]);
  });

  it('says what was lost, with the seed and where to look', () => {
    const table = tableOf({
      seed: 7,
      subagents: 1,
      workers: 2,
      durationMs: 1_000,
      strikes: [],
      errors: {},
      rows: [{ name: 'outcomes: done', expected: 1, got: 0, lost: 1 }],
      losses: [
        { check: 'outcomes', label: 'quick-1', what: 'it is failed', where: 'workflow subagent/x/quick-1' },
      ],
    });
    expect(table).toMatch(/outcomes: done .* 1 .* 0 .* 1/);
    expect(table).toContain('LOST (outcomes) quick-1 it is failed [workflow subagent/x/quick-1]');
    expect(table).toContain('1 losses with seed 7');
  });
});
