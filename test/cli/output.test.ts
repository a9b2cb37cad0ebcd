/** Output that cannot be written: /dev/full is a disk without space. */
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureJson } from '../../src/cli/json.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { environment, MAIN } from './command.ts';

let folder: TemporaryFolder;
beforeAll(async () => void (folder = await temporaryFolder()));
afterAll(async () => await folder[Symbol.asyncDispose]());

/** Runs a command by way of a shell, with redirections after it. */
async function subagents(words: string, redirections: string) {
  const env = environment({ home: `${folder.path}/home` });
  const script = `"${process.execPath}" "${MAIN}" ${words} ${redirections}`;
  const { exitCode, stdout, stderr } = await execa('bash', ['-c', script], {
    env,
    extendEnv: false,
    reject: false,
  });
  return { exitCode, stdout, stderr };
}

const TOLD =
  'error: no disk space left to write the output\n' +
  '  → free some space on that disk, or write the output elsewhere';

describe('a full disk', () => {
  it.each(['help', 'list --help', 'completion bash', '--version'])(
    'behind stdout: %s says so, once',
    async (words) => {
      expect(await subagents(words, '> /dev/full')).toEqual({ exitCode: 1, stdout: '', stderr: TOLD });
    },
  );

  it('is told in JSON to who asks for that', async () => {
    const { exitCode, stderr } = await subagents('status --json', '> /dev/full');
    expect(exitCode).toBe(1);
    expect(failureJson.parse(JSON.parse(stderr)).error.code).toBe('DISK_FULL');
  });

  it('does not matter where nothing is written', async () => {
    const { exitCode, stderr } = await subagents('nonsense', '> /dev/full');
    expect(exitCode).toBe(2);
    expect(stderr).toBe("error: unknown command 'nonsense'\n  → see `subagents help`");
  });

  it('behind stderr too: nobody can be told', async () => {
    expect(await subagents('help', '> /dev/full 2> /dev/full')).toMatchObject({ exitCode: 1, stdout: '' });
    expect(await subagents('nonsense', '2> /dev/full')).toMatchObject({ exitCode: 1, stdout: '' });
  });
});

it('a reader that has seen enough is no failure', async () => {
  const { stdout, stderr } = await subagents('help', '| head -1; echo "${PIPESTATUS[0]}"');
  expect({ stdout, stderr }).toEqual({ stdout: 'Usage: subagents [options] [command]\n0', stderr: '' });
});
