import { readdirSync } from 'node:fs';
import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { latency, quantile, report } from '../../bench/figure.ts';
import { markedProcesses } from '../../bench/processes.ts';
import { tables } from '../../bench/table.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/home.ts';
import { processesWith } from '../support/world.ts';

const BENCH = fileURLToPath(new URL('../../dist/bench/main.js', import.meta.url));

describe('the benchmark', () => {
  it('prints one object of figures, and leaves no process and no file', async () => {
    await using folder = await temporaryFolder();
    const tmp = join(await realpath(folder.path), 'tmp');
    await mkdir(tmp);
    const args = [BENCH, '--json', '--only', 'spawn-to-accepted', '--only', 'one-in-place', '--runs', '2'];
    const { stdout, stderr } = await execa(process.execPath, args, { env: { TMPDIR: tmp } });
    const { figures } = report.parse(JSON.parse(stdout));
    expect(figures.map(({ name }) => name)).toEqual([
      'one-in-place',
      'spawn-to-accepted-p50',
      'spawn-to-accepted-p95',
    ]);
    for (const { value } of figures) expect(value).toBeGreaterThan(0);
    const [one] = figures;
    expect(one?.goal).toBeCloseTo(0.4 * (one?.peer ?? 0), 0);
    expect(stderr).toContain('2 of 2');
    expect(readdirSync(tmp).filter((name) => name.startsWith('subagents-'))).toEqual([]);
    expect(markedProcesses(tmp)).toEqual([]);
  });

  it('leaves no process and no file when it is interrupted', async () => {
    await using folder = await temporaryFolder();
    const tmp = join(await realpath(folder.path), 'tmp');
    await mkdir(tmp);
    const bench = execa(process.execPath, [BENCH, 'spawn-to-accepted', '--runs', '1000'], {
      env: { TMPDIR: tmp },
      reject: false,
    });
    // Server, worker, what spawns its commands, and Copilot CLI.
    await eventually(() => markedProcesses(tmp).length >= 4);
    bench.kill('SIGTERM');
    const { exitCode, stdout } = await bench;
    expect(exitCode).toBe(128 + 15);
    expect(stdout).toBe('');
    expect(readdirSync(tmp).filter((name) => name.startsWith('subagents-'))).toEqual([]);
    expect([...markedProcesses(tmp), ...processesWith(tmp)]).toEqual([]);
  });

  it('shows hop by hop where the time goes', async () => {
    const { stdout } = await execa(process.execPath, [BENCH, '--json', '--only', 'hops', '--runs', '1']);
    const { figures } = report.parse(JSON.parse(stdout));
    expect(figures.length).toBeGreaterThan(20);
    for (const { value } of figures) expect(value).not.toBeNaN();
    expect(tables(figures)).toContain('runTurn: dispatch');
  });

  it('says what it can measure', async () => {
    const { exitCode, stderr } = await execa(process.execPath, [BENCH, '--only', 'everything'], {
      reject: false,
    });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('no measurement is called everything; there are one-in-place, ');
  });

  it('takes quantiles by the nearest rank', () => {
    const values = Array.from({ length: 20 }, (_, index) => 20 - index);
    expect([0, 0.5, 0.95, 1].map((share) => quantile(values, share))).toEqual([1, 10, 19, 20]);
    expect(latency('it', values, 50)).toEqual([
      { name: 'it-p50', unit: 'ms', value: 10, goal: 50 },
      { name: 'it-p95', unit: 'ms', value: 19 },
    ]);
  });

  it('says where a goal is missed', () => {
    const table = tables([
      { name: 'fast', unit: 'ms', value: 40, goal: 50, peer: 100 },
      { name: 'slow', unit: 'ms', value: 60, goal: 50, peer: 100 },
    ]);
    expect(table).toMatch(/fast .* 40 ms .* ≤ 50 ms .* 100 ms .* 0\.40/);
    expect(table).toMatch(/slow .* ≤ 50 ms \(missed\) .* 0\.60/);
  });
});
