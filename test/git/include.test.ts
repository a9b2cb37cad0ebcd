import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { includeIgnored } from '../../src/git/worktrees/include.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { Git } from '../../src/git/git.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

const IGNORE = '.env*\nsecrets/\nnode_modules/\ncache/\n';

/** A worktree of HEAD beside the repository. */
async function worktree(repo: Repository): Promise<{ from: string; to: string; commit: string }> {
  const to = join(dirname(repo.path), 'worktree');
  await repo.git('worktree', 'add', '--quiet', to, '-b', 'subagents/fix');
  return { from: repo.path, to, commit: await repo.git('rev-parse', 'HEAD') };
}

describe('.worktreeinclude', () => {
  it('brings along what it names and git ignores, with modes, and nothing of it can be committed', async () => {
    await using repo = await temporaryRepository({
      '.gitignore': IGNORE,
      '.worktreeinclude': '# local settings\n.env*\n!.env.production\nsecrets/**/*.pem\n*.txt\n',
    });
    await repo.write({
      '.env': 'A=1',
      '.env.production': 'A=2',
      'app/.env.local ü': 'A=3',
      'secrets/deep/key.pem': 'key',
      'secrets/deep/other': 'x',
      'untracked.txt': 'matches, and is not ignored',
      'node_modules/a.js': 'ignored, and does not match',
    });
    await chmod(join(repo.path, 'secrets/deep/key.pem'), 0o600);
    const place = await worktree(repo);
    expect(await includeIgnored(place, Git.at(place.to))).toEqual([
      '.worktreeinclude: copied 3 ignored files',
    ]);
    const read = (path: string): Promise<string> => readFile(join(place.to, path), 'utf8');
    expect(await Promise.all(['.env', 'app/.env.local ü', 'secrets/deep/key.pem'].map(read))).toEqual([
      'A=1',
      'A=3',
      'key',
    ]);
    expect((await stat(join(place.to, 'secrets/deep/key.pem'))).mode & 0o777).toBe(0o600);
    for (const path of ['.env.production', 'secrets/deep/other', 'untracked.txt', 'node_modules']) {
      expect(existsSync(join(place.to, path)), path).toBe(false);
    }
    const inWorktree = repo.in(place.to);
    await inWorktree('add', '--all');
    expect(await inWorktree('status', '--porcelain')).toBe('');
  });

  it('is that of the commit, and brings nothing that only the checkout ignores', async () => {
    await using repo = await temporaryRepository({ '.gitignore': 'other\n', '.worktreeinclude': '.env\n' });
    await repo.write({ '.gitignore': '.env\n', '.worktreeinclude': 'other\n', '.env': 'A=1', other: 'x' });
    const place = await worktree(repo);
    expect(await includeIgnored(place, Git.at(place.to))).toEqual([
      '.worktreeinclude: not copied, because git does not ignore them in the worktree: .env',
    ]);
    expect(existsSync(join(place.to, '.env'))).toBe(false);
    expect(existsSync(join(place.to, 'other'))).toBe(false);
  });

  it('brings links along that stay inside, and none that lead out; nothing is written through a link', async () => {
    await using repo = await temporaryRepository({
      '.gitignore': IGNORE,
      '.worktreeinclude': '.env*\ncache/\n',
    });
    const outside = join(dirname(repo.path), 'outside');
    await mkdir(outside);
    await symlink(outside, join(repo.path, 'linked'));
    await repo.commit('A link in the repository');
    const place = await worktree(repo);
    await repo.git('rm', '--quiet', 'linked');
    await repo.write({ '.env': 'x', 'linked/.env.a': 'x', 'cache/x': 'x' });
    await symlink('.env', join(repo.path, '.env.link'));
    await symlink('../../outside', join(repo.path, '.env.out'));
    await symlink('/etc/passwd', join(repo.path, '.env.absolute'));
    const [first] = await includeIgnored(place, Git.at(place.to));
    expect(first).toMatch(/^\.worktreeinclude: not copied: /);
    for (const path of ['.env.absolute', '.env.out', 'linked/.env.a']) expect(first).toContain(path);
    expect(await readlink(join(place.to, '.env.link'))).toBe('.env');
    expect(await readFile(join(place.to, 'cache/x'), 'utf8')).toBe('x');
    expect(existsSync(join(outside, '.env.a'))).toBe(false);
  });

  it('overwrites nothing', async () => {
    await using repo = await temporaryRepository({ '.gitignore': IGNORE, '.worktreeinclude': '.env\n' });
    await repo.write({ '.env': 'theirs' });
    const place = await worktree(repo);
    await writeFile(join(place.to, '.env'), 'mine');
    expect(await includeIgnored(place, Git.at(place.to))).toEqual(['.worktreeinclude: not copied: .env']);
    expect(await readFile(join(place.to, '.env'), 'utf8')).toBe('mine');
  });

  it('that names too much brings nothing, and says how much it was', async () => {
    await using repo = await temporaryRepository({ '.gitignore': IGNORE, '.worktreeinclude': 'cache/\n' });
    await repo.write({ 'cache/1': 'x', 'cache/2': 'x', 'cache/3': 'x' });
    const place = await worktree(repo);
    expect(await includeIgnored(place, Git.at(place.to), { files: 2, bytes: 100 })).toEqual([
      '.worktreeinclude names 3 files of 1 MB, but at most 2 files and 1 MB are copied, so none was copied',
    ]);
    expect(existsSync(join(place.to, 'cache'))).toBe(false);
  });
});
