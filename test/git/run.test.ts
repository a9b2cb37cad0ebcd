/** What git says of a failure, and what of it is the reason. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Git } from '../../src/git/git.ts';
import { firstUsefulLine } from '../../src/git/run.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository } from '../support/repository.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

it('names the program of a filter that is not installed, and what to do', async () => {
  await using repo = await temporaryRepository({ '.gitattributes': '*.bin filter=lfs\n', 'a.bin': 'a' });
  const add = async (): Promise<unknown> => {
    await repo.write({ 'a.bin': `${Math.random()}` });
    return Git.at(repo.path, { trusted: true }).run(['add', 'a.bin']);
  };
  await repo.git('config', 'filter.lfs.required', 'true');
  for (const [key, program] of [
    ['process', 'git-lfs-that-is-nowhere filter-process'],
    ['clean', 'git-lfs-that-is-nowhere clean -- %f'],
  ] as const) {
    await repo.git('config', `filter.lfs.${key}`, program);
    await expect(add(), key).rejects.toMatchObject({
      code: 'GIT',
      message: `git add failed in ${repo.path}: the git configuration names git-lfs-that-is-nowhere, which is not installed on this machine`,
      remedy: expect.stringContaining('Install git-lfs-that-is-nowhere') as string,
    });
    await repo.git('config', '--unset', `filter.lfs.${key}`);
  }
});

it.each([
  ['index', ['add', '--all']],
  ['HEAD', ['symbolic-ref', 'HEAD', 'refs/heads/other']],
  ['config', ['config', 'a.b', 'c']],
  ['packed-refs', ['update-ref', '-d', 'refs/heads/other']],
  ['refs/heads/other', ['update-ref', 'refs/heads/other', 'main']],
])('names the lock of %s that is in the way, leaves it, and says what to do', async (name, call) => {
  await using repo = await temporaryRepository();
  await repo.git('branch', 'other');
  await repo.git('pack-refs', '--all');
  await repo.commit('Second', { 'a.txt': 'a' });
  const lock = join(repo.path, `.git/${name}.lock`);
  await mkdir(dirname(lock), { recursive: true });
  await writeFile(lock, '');
  await expect(Git.at(repo.path).run(call)).rejects.toMatchObject({
    code: 'GIT',
    message: `git ${call[0]} failed in ${repo.path}: the lock file ${lock} is in the way`,
    remedy: `If another git process is at work there, wait for it. If not, a killed git process left the file: remove it (rm '${lock}'), then try again.`,
  });
  expect(existsSync(lock)).toBe(true);
});

it.each([
  ['fatal: bad object HEAD', 'bad object HEAD'],
  [
    "Error downloading object: a.bin (4d7a214): Smudge error: [404] Object does not exist on the server\nerror: external filter 'git-lfs filter-process' failed\nfatal: a.bin: smudge filter lfs failed",
    'Error downloading object: a.bin (4d7a214): Smudge error: [404] Object does not exist on the server',
  ],
  [
    'ssh: connect to host example.com port 22: Connection refused\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.',
    'ssh: connect to host example.com port 22: Connection refused',
  ],
  ['fatal: the remote end hung up unexpectedly', 'the remote end hung up unexpectedly'],
  [
    'error: RPC failed; curl 56 reset\nfatal: early EOF\nfatal: index-pack failed',
    'RPC failed; curl 56 reset',
  ],
  ['hint: try this\nwarning: that', undefined],
])('the reason of %j', (stderr, reason) => {
  expect(firstUsefulLine(stderr)).toBe(reason);
});
