import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runHere, type Program, type SpawnerStart } from '../../src/system/program.ts';
import { isAlive, processStartTime } from '../../src/system/process.ts';
import type * as Spawner from '../../src/system/spawner.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/home.ts';

// As a worker has it: the spawner's own process is a compiled file.
const compiled = new URL('../../dist/src/system/spawner.js', import.meta.url).href;
const { runProgram, spawnerFile, useSpawner } = (await import(compiled)) as typeof Spawner;

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

  describe('in another spawner', () => {
    /** As walls would be: a program that starts the spawner. */
    const behind = (script = 'exec "$@"'): SpawnerStart => ({
      ...{ file: 'sh', env: { PATH: process.env['PATH'] } },
      args: ['-c', script, 'sh', process.execPath, spawnerFile()],
    });
    const parentIn = async (start: SpawnerStart): Promise<number> =>
      Number((await runProgram(shell('echo $PPID'), undefined, start)).stdout);

    it('runs a program, and keeps it for the next ones of its kind', async () => {
      const there = await parentIn(behind());
      expect(there).not.toBe(await starter());
      expect(await parentIn(behind())).toBe(there);
      expect(await parentIn(behind('exec "$@" # other'))).not.toBe(there);
      const program = shell('cat; echo ä >&2; exit 4', { input: 'heard' });
      expect(await runProgram(program, undefined, behind())).toEqual(await runHere(program));
    });

    it('ends a program when that is asked for, and goes on', async () => {
      await using folder = await temporaryFolder();
      const controller = new AbortController();
      const program = shell('echo $$ > pid; exec sleep 60', { cwd: folder.path });
      const running = runProgram(program, controller.signal, behind());
      await written(folder.path, 'pid');
      const there = await parentIn(behind());
      controller.abort();
      expect(await running).toMatchObject({ exitCode: null, signalCode: 'SIGTERM' });
      expect(await parentIn(behind())).toBe(there);
    });

    it('fails what runs in one that ends, with what was said; the next is another', async () => {
      await using folder = await temporaryFolder();
      const start = behind('"$@"; echo too much memory >&2');
      const program = shell('echo $$ > pid; exec sleep 60', { cwd: folder.path });
      const running = runProgram(program, undefined, start);
      const pid = await written(folder.path, 'pid');
      const there = await parentIn(start);
      process.kill(there, 'SIGKILL');
      await expect(running).rejects.toThrow(/died: .*too much memory/s);
      process.kill(pid, 'SIGKILL');
      expect(await parentIn(start)).not.toBe(there);
    });

    it('says why it could not be started', async () => {
      await expect(parentIn(behind('exec no-such-walls'))).rejects.toThrow(
        /died: .*no-such-walls: not found/s,
      );
      await expect(parentIn({ ...behind(), file: 'no-such-shell' })).rejects.toThrow('died');
    });

    it('is ended by itself when nothing more runs in it', async () => {
      const there = await parentIn(behind('exec "$@" # idle'));
      const startTime = processStartTime(there) ?? '';
      expect(isAlive(there, startTime)).toBe(true);
      expect(await eventually(() => !isAlive(there, startTime))).toBe(true);
    });

    it('ends with the process that uses it', async () => {
      const there = await parentIn(behind('exec "$@" # last'));
      const startTime = processStartTime(there) ?? '';
      process.kill(await starter(), 'SIGKILL');
      expect(await eventually(() => !isAlive(there, startTime))).toBe(true);
      useSpawner();
    });
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
