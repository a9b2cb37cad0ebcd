import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { addSubmodules } from '../../src/git/worktrees/submodules.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { Git } from '../../src/git/git.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

const LOCAL = ['-c', 'protocol.file.allow=always'];

/** A repository with a submodule `libs/öne two`, which has one itself; with everything checked out. */
async function withSubmodules(): Promise<Repository> {
  const [inner, lib, repo] = await Promise.all([
    temporaryRepository({ 'inner.txt': 'inner' }),
    temporaryRepository({ 'lib.txt': 'lib' }),
    temporaryRepository(),
  ]);
  onTestFinished(async () => {
    for (const each of [inner, lib, repo]) await each[Symbol.asyncDispose]();
  });
  await lib.git(...LOCAL, 'submodule', '--quiet', 'add', inner.path, 'inner');
  await lib.commit('Inner');
  await repo.git(...LOCAL, 'submodule', '--quiet', 'add', lib.path, 'libs/öne two');
  await repo.commit('Lib');
  await repo.git(...LOCAL, 'submodule', '--quiet', 'update', '--init', '--recursive');
  return repo;
}

async function worktree(repo: Repository): Promise<string> {
  const to = join(dirname(repo.path), 'worktree');
  await repo.git('worktree', 'add', '--quiet', to, '-b', 'subagents/fix');
  return to;
}
const config = (repo: Repository): Promise<string> => readFile(join(repo.path, '.git/config'), 'utf8');

describe('submodules of a worktree', () => {
  it('are copied from those of the checkout, also those within them, with their real remote', async () => {
    const repo = await withSubmodules();
    const url = await repo.git('config', 'submodule.libs/öne two.url');
    await rm(url, { recursive: true }); // nothing is fetched
    const cwd = await worktree(repo);
    const before = await config(repo);
    expect(await addSubmodules(Git.at(cwd), repo.path)).toEqual([]);
    expect(await config(repo)).toBe(before);
    expect(await readFile(join(cwd, 'libs/öne two/lib.txt'), 'utf8')).toBe('lib');
    expect(await readFile(join(cwd, 'libs/öne two/inner/inner.txt'), 'utf8')).toBe('inner');
    expect(await repo.in(join(cwd, 'libs/öne two'))('config', 'remote.origin.url')).toBe(url);
    expect(await repo.in(cwd)('status', '--porcelain')).toBe('');
    expect(await repo.git('status', '--porcelain')).toBe('');
  });

  it('leave the shared configuration as it was, which git submodule update --init does not', async () => {
    const repo = await withSubmodules();
    await repo.git('submodule', '--quiet', 'deinit', '--all', '--force');
    const cwd = await worktree(repo);
    const before = await config(repo);
    expect(before).not.toContain('libs/');
    await addSubmodules(Git.at(cwd), repo.path);
    expect(await config(repo)).toBe(before);
    await repo
      .in(cwd)(...LOCAL, 'submodule', '--quiet', 'update', '--init')
      .catch(() => undefined);
    expect(await config(repo)).toContain('libs/');
  });

  it('that nobody has checked out and that cannot be fetched are noted: a local path of .gitmodules is refused', async () => {
    const repo = await withSubmodules();
    await repo.git('submodule', '--quiet', 'deinit', '--all', '--force');
    const cwd = await worktree(repo);
    const notes = await addSubmodules(Git.at(cwd), repo.path);
    expect(notes).toEqual([
      expect.stringMatching(
        /^the submodule libs\/öne two is empty: it could not be fetched from .*'file' not allowed/,
      ),
    ]);
  });

  it('run no program that the repository names', async () => {
    const repo = await withSubmodules();
    await repo.git('submodule', '--quiet', 'deinit', '--all', '--force');
    const ran = join(dirname(repo.path), 'ran');
    await repo.git('config', '-f', '.gitmodules', 'submodule.libs/öne two.url', `ext::touch ${ran}`);
    await repo.git('config', '-f', '.gitmodules', 'submodule.libs/öne two.update', `!touch ${ran}`);
    await repo.commit('Hostile');
    const notes = await addSubmodules(Git.at(await worktree(repo)), repo.path);
    expect(notes.join()).toContain('is empty');
    expect(existsSync(ran)).toBe(false);
  });

  it('that the checkout has and that cannot be checked out are an error with its remedy', async () => {
    const repo = await withSubmodules();
    const cwd = await worktree(repo);
    await rm(join(repo.path, '.git/modules/libs/öne two/objects'), { recursive: true });
    await rm(await repo.git('config', 'submodule.libs/öne two.url'), { recursive: true });
    await expect(addSubmodules(Git.at(cwd), repo.path)).rejects.toMatchObject({
      code: 'GIT',
      message: expect.stringContaining('the submodule libs/öne two could not be checked out') as string,
      remedy: `Run "git submodule update --init --recursive" in ${repo.path}, and spawn again.`,
    });
  });
});
