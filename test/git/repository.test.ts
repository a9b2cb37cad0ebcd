import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { countUncommitted, resolveBase, resolveRepository } from '../../src/git/repository.ts';
import { temporaryFolder } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository } from '../support/repository.ts';
import { Git } from '../../src/git/git.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

describe('resolveRepository', () => {
  it('finds the root, from a folder below it, by a relative path, through a link, and under ~', async () => {
    await using repo = await temporaryRepository(
      { 'sub/deep/x.txt': 'x' },
      { name: 'with space\nand newline ü' },
    );
    const parent = dirname(repo.path);
    await symlink(repo.path, join(parent, 'link'));
    expect(await resolveRepository(join(repo.path, 'sub/deep'))).toBe(repo.path);
    expect(await resolveRepository('sub', repo.path)).toBe(repo.path);
    expect(await resolveRepository('.', join(repo.path, 'sub'))).toBe(repo.path);
    expect(await resolveRepository(join(parent, 'link'))).toBe(repo.path);
    vi.stubEnv('HOME', parent);
    expect(await resolveRepository('~/link/sub')).toBe(repo.path);
  });

  it('takes a linked worktree for the checkout that it is', async () => {
    await using repo = await temporaryRepository();
    const linked = join(dirname(repo.path), 'linked');
    await repo.git('worktree', 'add', '--quiet', linked);
    expect(await resolveRepository(linked)).toBe(linked);
  });

  it('is not led astray by the variables of a git hook', async () => {
    await using repo = await temporaryRepository();
    await using other = await temporaryRepository();
    vi.stubEnv('GIT_DIR', join(other.path, '.git'));
    vi.stubEnv('GIT_WORK_TREE', other.path);
    expect(await resolveRepository(repo.path)).toBe(repo.path);
  });

  it('does not call a checkout bare because its configuration does', async () => {
    await using repo = await temporaryRepository({ 'sub/x.txt': 'x' });
    const linked = join(dirname(repo.path), 'linked');
    await repo.git('worktree', 'add', '--quiet', linked);
    await repo.git('config', 'core.bare', 'true');
    for (const path of [repo.path, join(repo.path, 'sub')])
      await expect(resolveRepository(path)).rejects.toMatchObject({
        code: 'NOT_A_REPOSITORY',
        message: `${path} is in a checkout with core.bare=true in its configuration, so git treats it as a bare repository`,
        remedy: expect.stringContaining(`git -C ${repo.path} config core.bare false`) as string,
      });
    expect(await resolveRepository(linked)).toBe(linked);
  });

  it('says what a path is that is no checkout', async () => {
    await using folder = await temporaryFolder();
    await using repo = await temporaryRepository();
    const path = (name: string): string => join(folder.path, name);
    await mkdir(path('plain'));
    await writeFile(path('file'), '');
    await repo.git('clone', '--quiet', '--bare', repo.path, path('bare.git'));
    const message = (name: string): Promise<unknown> =>
      resolveRepository(name).then(
        () => 'resolved',
        (error: unknown) => (error as Error).message,
      );
    expect(await message(path('absent'))).toBe(`${path('absent')} does not exist`);
    expect(await message(path('file'))).toBe(`${path('file')} is a file, not a folder`);
    expect(await message(path('file/below'))).toContain(`${path('file/below')} is not readable (ENOTDIR)`);
    expect(await message(path('plain'))).toBe(`${path('plain')} is in no git repository`);
    expect(await message(path('bare.git'))).toBe(
      `${path('bare.git')} is a bare repository, which has no checkout`,
    );
    expect(await message(join(repo.path, '.git'))).toBe(`${join(repo.path, '.git')} is inside a .git folder`);
    await expect(resolveRepository(path('plain'))).rejects.toMatchObject({
      code: 'NOT_A_REPOSITORY',
      name: 'SubagentsError',
    });
  });
});

describe('resolveBase', () => {
  it('gives the full commit of a branch, tag, short id and HEAD', async () => {
    await using repo = await temporaryRepository();
    await repo.git('tag', '-a', 'v1', '-m', 'v1');
    const second = await repo.commit('Second');
    expect(await resolveBase(Git.at(repo.path))).toBe(second);
    expect(await resolveBase(Git.at(repo.path), 'main')).toBe(second);
    expect(await resolveBase(Git.at(repo.path), 'v1')).toBe(repo.first);
    expect(await resolveBase(Git.at(repo.path), 'main~1')).toBe(repo.first);
    expect(await resolveBase(Git.at(repo.path), second.slice(0, 9))).toBe(second);
  });

  it('suggests the nearest names', async () => {
    await using repo = await temporaryRepository();
    await repo.git('branch', 'feature/login');
    await repo.git('update-ref', 'refs/remotes/origin/develop', repo.first);
    const unknown = (name: string): Promise<unknown> =>
      resolveBase(Git.at(repo.path), name).catch((error: unknown) => error);
    expect(await unknown('mian')).toMatchObject({
      code: 'UNKNOWN_BASE',
      message: `unknown base "mian" in ${repo.path}: no such commit, branch or tag`,
      remedy: 'Did you mean main?',
    });
    expect(await unknown('feature/logn')).toMatchObject({ remedy: 'Did you mean feature/login?' });
    expect(await unknown('develop')).toMatchObject({ remedy: 'Did you mean origin/develop?' });
    expect(await unknown('something-else')).toMatchObject({
      remedy: expect.stringContaining('default is HEAD') as string,
    });
  });

  it('takes a name for nothing but a name', async () => {
    await using repo = await temporaryRepository();
    for (const name of ['--all', '--git-dir', '-h', '', 'main..main', 'HEAD^{tree}', 'a b', 'main\nmain']) {
      await expect(resolveBase(Git.at(repo.path), name), name).rejects.toMatchObject({
        code: 'UNKNOWN_BASE',
      });
    }
  });

  it('says so when there is no commit yet', async () => {
    await using folder = await temporaryFolder();
    await using repo = await temporaryRepository();
    const empty = await realpath(folder.path);
    await repo.git('init', '--quiet', empty);
    await expect(resolveBase(Git.at(empty))).rejects.toMatchObject({
      code: 'UNKNOWN_BASE',
      message: `${empty} has no commit yet, so there is nothing to start from`,
    });
  });
});

describe('countUncommitted', () => {
  it('counts changed and new paths, a new folder once, ignored files not, and disturbs nobody', async () => {
    await using repo = await temporaryRepository({ 'a.txt': 'a', 'b.txt': 'b', '.gitignore': 'ignored' });
    expect(await countUncommitted(Git.at(repo.path))).toBe(0);
    await repo.git('mv', 'a.txt', 'moved.txt');
    await repo.write({ 'b.txt': 'changed', 'new\nline.txt': 'x', 'dir/1': 'x', 'dir/2': 'x', ignored: 'x' });
    await writeFile(join(repo.path, '.git/index.lock'), '');
    expect(await countUncommitted(Git.at(repo.path))).toBe(5);
  });
});
