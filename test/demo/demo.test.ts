/** `subagents demo` as a user runs it: a process with an empty home directory and no model. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { demoEvent, type DemoEvent } from '../../src/demo/narrator.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.bundle.js', import.meta.url));
const LABELS = ['fix-rounding', 'update-docs', 'rewrite-everything'];
const TIMEOUT_MS = 240_000;
/** The demo is told to end before the test gives up, so that nothing of it is left then either. */
const PROCESS = { timeout: TIMEOUT_MS - 60_000, reject: false } as const;

/** A machine of its own: nothing but PATH, an empty home directory and an empty folder for temporary files. */
function run(folder: TemporaryFolder, ...args: string[]) {
  return execa(process.execPath, [MAIN, ...args], { ...machine(folder), ...PROCESS });
}

/** With a Temporal server that must not be heard of: the demo never touches a company's namespace. */
function demo(folder: TemporaryFolder, option: string) {
  const { env, ...rest } = machine(folder);
  const company = { TEMPORAL_ADDRESS: '192.0.2.1:7233', TEMPORAL_NAMESPACE: 'company' };
  return execa(process.execPath, [MAIN, 'demo', option], {
    ...rest,
    ...PROCESS,
    env: { ...env, ...company },
  });
}

function machine({ path }: TemporaryFolder) {
  for (const name of ['home', 'tmp']) mkdirSync(join(path, name), { recursive: true });
  const env = {
    PATH: process.env['PATH'],
    SUBAGENTS_TEMPORAL_PATH: process.env['SUBAGENTS_TEMPORAL_PATH'],
    HOME: join(path, 'home'),
    TMPDIR: join(path, 'tmp'),
  };
  return { env, extendEnv: false, cwd: path };
}

const eventsIn = (output: string): DemoEvent[] =>
  output
    .trim()
    .split('\n')
    .map((line) => demoEvent.parse(JSON.parse(line)));

/** Everything that runs with this folder in its environment or on its command line. */
function processesOf({ path }: TemporaryFolder): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      const found = command.includes(path) || readFileSync(`/proc/${pid}/environ`, 'utf8').includes(path);
      return found && command !== '' ? [`${pid} ${command}`] : [];
    } catch {
      return [];
    }
  });
}

function expectNothingLeft(folder: TemporaryFolder): void {
  expect(readdirSync(join(folder.path, 'tmp')).filter((name) => name.startsWith('subagents-'))).toEqual([]);
  expect(existsSync(join(folder.path, 'home', '.subagents'))).toBe(false);
  if (process.platform === 'linux') expect(processesOf(folder)).toEqual([]);
}

describe('demo', () => {
  test('plays the main job to its end, and leaves nothing', { timeout: TIMEOUT_MS }, async () => {
    await using folder = await temporaryFolder();
    const { exitCode, stdout, stderr } = await demo(folder, '--json');
    const events = eventsIn(stdout);
    const one = (name: string, who?: string): DemoEvent => {
      const found = events.filter(({ event, who: whose }) => event === name && (who ?? whose) === whose);
      expect(found, `${name} of ${who ?? 'anyone'}`).toHaveLength(1);
      return found[0] as DemoEvent;
    };

    expect(events.filter(({ ok }) => ok === false)).toEqual([]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(one('model')['scripted']).toBe(true);
    expect(one('tests-before')).toMatchObject({ exitCode: 1, failures: ['rounds to the nearest cent'] });
    expect(Object.keys(one('spawned')['runs'] as object)).toEqual(LABELS);

    // One is steered while its command runs.
    expect(one('steer')['during']).toContain('check-readme');
    expect(one('receipt')['receipt']).toMatchObject({ delivery: 'mid-turn' });

    // One is killed, with what it had started.
    const { processes } = one('damage') as unknown as { processes: { pid: number }[] };
    expect(processes.length).toBeGreaterThanOrEqual(4);
    const { sweep } = one('kill-report') as unknown as {
      sweep: { found: number; ended: number; left: unknown[] };
    };
    expect(sweep.found).toBeGreaterThanOrEqual(processes.length);
    expect(sweep).toMatchObject({ ended: sweep.found, left: [] });
    if (process.platform === 'linux') expect(one('kill-proof')['ok']).toBe(true);

    // The worker dies in the middle of a command, and comes back.
    const died = one('died', 'up');
    expect(died).toMatchObject({ part: 'worker', signal: 'SIGKILL' });
    expect(one('worker-kill')['live']).toContain('fix-rounding');
    expect(one('worker-back')['pid']).not.toBe(one('worker-kill')['pid']);
    expect(one('resumed')['runId']).toBe((one('spawned')['runs'] as Record<string, string>)['fix-rounding']);

    // Every end is pushed, once.
    const ends = events.filter(({ event }) => event === 'announcement');
    expect(ends.map(({ label, kind }) => `${String(label)} ${String(kind)}`).sort()).toEqual([
      'fix-rounding completed',
      'rewrite-everything killed',
      'update-docs completed',
    ]);

    // What they did is on branches, verified, and main is as it was.
    for (const label of LABELS) {
      expect(one('nothing-lost', label)['prompts']).toBe(1);
      expect(one('branch', label)['branch']).toBe(`subagents/${label}`);
    }
    for (const label of ['fix-rounding', 'update-docs']) expect(one('verified', label)['exitCode']).toBe(0);
    expect(one('branch', 'update-docs')['commits']).toHaveLength(2);
    expect(one('steer-followed').ok).toBe(true);
    expect(one('main-untouched').ok).toBe(true);

    expect(events.at(-1)).toMatchObject({ event: 'end', exitCode: 0, unmet: [] });
    expect(events.at(-1)?.['command']).toMatch(/ spawn fix-login .* --repo /);
    expectNothingLeft(folder);
  });

  test('with --keep, leaves everything up until it is told to stop', { timeout: TIMEOUT_MS }, async () => {
    await using folder = await temporaryFolder();
    const { exitCode, stdout } = await demo(folder, '--keep');
    const output = stdout;
    const home = /^ {2}home +(\S+)$/m.exec(output)?.[1] ?? '';
    try {
      expect(exitCode, output).toBe(0);
      // Piped: the same words, without colour.
      expect(output).not.toContain('\u001B');
      expect(output.trim().split('\n').at(-1)).toMatch(/ spawn fix-login .* --repo /);
      const list = await run(folder, '--home', home, 'list', '--all', '--json');
      expect(list.stdout).toContain('fix-rounding');
    } finally {
      expect(await run(folder, '--home', home, 'down')).toMatchObject({ exitCode: 0 });
    }
    if (process.platform === 'linux') expect(processesOf(folder)).toEqual([]);
  });

  test('on Ctrl-C, ends and removes everything at once', { timeout: TIMEOUT_MS }, async () => {
    await using folder = await temporaryFolder();
    const running = demo(folder, '--json');
    for await (const line of running.iterable()) {
      // Now processes of rewrite-everything run that only a kill ends.
      if (demoEvent.parse(JSON.parse(line)).event === 'damage') running.kill('SIGINT');
    }
    const { exitCode } = await running;
    expect(exitCode).toBe(130);
    expectNothingLeft(folder);
  });
});
