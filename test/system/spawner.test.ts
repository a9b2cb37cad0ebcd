import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runHere, type Program } from '../../src/system/program.ts';
import { isAlive, processStartTime } from '../../src/system/process.ts';
import type * as Spawner from '../../src/system/spawner.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/home.ts';

// As a worker has it: the spawner's own process is a compiled file.
const compiled = new URL('../../dist/src/system/spawner.js', import.meta.url).href;
const { runProgram, useSpawner } = (await import(compiled)) as typeof Spawner;

const shell = (script: string, more: Partial<Program> = {}): Program => ({
  file: 'sh',
  args: ['-c', script],
  cwd: '/',
  env: process.env,
  input: '',
  detached: false,
  ...more,
});

/** The process that starts programs. */
const starter = async (): Promise<number> => Number((await runProgram(shell('echo $PPID'))).stdout);

/** The number in a file, once it is there. */
const written = (folder: string, file: string): Promise<number> =>
  eventually(async () => Number(await readFile(join(folder, file), 'utf8').catch(() => '')) || undefined);

beforeAll(() => useSpawner());

describe('the spawner', () => {
  it('starts programs from a process of its own', async () => {
    const pid = await starter();
    expect(pid).not.toBe(process.pid);
    expect(await starter()).toBe(pid);
  });

  it('gives what a program says, and how it ended, as if it were started here', async () => {
    await using folder = await temporaryFolder();
    const program = shell('cat; pwd; echo "$WORD äöü" >&2; exit 3', {
      cwd: await realpath(folder.path),
      env: { PATH: process.env['PATH'], WORD: 'said' },
      input: 'heard ',
    });
    const end = await runProgram(program);
    expect(end).toEqual({
      exitCode: 3,
      signalCode: null,
      stderr: 'said äöü\n',
      stdout: `heard ${program.cwd}\n`,
    });
    expect(end).toEqual(await runHere(program));
  });

  it('keeps many at once apart', async () => {
    const numbers = Array.from({ length: 20 }, (_, index) => `${index}`);
    const ends = await Promise.all(numbers.map((number) => runProgram(shell('cat', { input: number }))));
    expect(ends.map(({ stdout }) => stdout)).toEqual(numbers);
  });

  it('ends a program with its group when that is asked for', async () => {
    await using folder = await temporaryFolder();
    const controller = new AbortController();
    const script = 'sleep 60 & echo $! > child; wait';
    const running = runProgram(shell(script, { cwd: folder.path, detached: true }), controller.signal);
    const child = await written(folder.path, 'child');
    const startTime = processStartTime(child) ?? '';
    controller.abort();
    expect(await running).toMatchObject({ exitCode: null, signalCode: 'SIGTERM' });
    expect(await eventually(() => !isAlive(child, startTime))).toBe(true);
  });

  it('says what the system said when a program cannot be started', async () => {
    const error = { message: 'spawn no-such-program ENOENT', syscall: 'spawn no-such-program' };
    await expect(runProgram(shell('', { file: 'no-such-program' }))).rejects.toMatchObject(error);
  });

  it('fails what it runs when it is killed; what comes after is started here', async () => {
    await using folder = await temporaryFolder();
    const running = runProgram(shell('echo $$ > pid; exec sleep 60', { cwd: folder.path }));
    const pid = await written(folder.path, 'pid');
    process.kill(await starter(), 'SIGKILL');
    await expect(running).rejects.toThrow('the spawner');
    expect(await starter()).toBe(process.pid);
    process.kill(pid, 'SIGKILL');
  });
});
