import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { execa } from 'execa';
import { SubagentsError } from '../../src/contract/index.ts';
import { mergeCommit, type MergeRequest } from '../../src/git/branches/merge.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { Git } from '../../src/git/git.ts';

Object.assign(process.env, NO_GIT_CONFIGURATION);

let repo: Repository;
let theirs: string;
beforeEach(async () => {
  repo = await temporaryRepository({ 'a.txt': 'one\ntwo\nthree\n', 'b.txt': 'b\n' });
  await repo.git('switch', '--quiet', '--create', 'subagents/fix');
  await repo.commit('First step', { 'a.txt': 'ONE\ntwo\nthree\n' });
  theirs = await repo.commit('Second step', { 'new.txt': 'new\n' });
  await repo.git('switch', '--quiet', 'main');
});
afterEach(async () => await repo[Symbol.asyncDispose]());

const merge = (more: Partial<MergeRequest> = {}) =>
  mergeCommit(Git.at(repo.path), {
    commit: theirs,
    name: 'subagents/fix',
    squash: false,
    message: 'Merge it',
    noFastForward: false,
    ...more,
  });
const refusal = async (more: Partial<MergeRequest> = {}): Promise<SubagentsError> => {
  const error: unknown = await merge(more).then(
    (value) => new Error(JSON.stringify(value)),
    (reason: unknown) => reason,
  );
  if (error instanceof SubagentsError) return error;
  throw error;
};
const state = async () => ({
  head: await repo.git('rev-parse', 'HEAD'),
  status: await repo.git('status', '--porcelain', '--branch'),
  stash: await repo.git('stash', 'list'),
  // What the next commit of the user would begin with.
  squashed: existsSync(join(repo.path, '.git/SQUASH_MSG')),
});

describe('a merge', () => {
  it('moves the branch forward where it can', async () => {
    expect(await merge()).toEqual({ how: 'fast-forward', into: 'main', before: repo.first, after: theirs });
    expect(await repo.git('rev-parse', 'main')).toBe(theirs);
  });

  it('makes a merge commit where it must, and where asked to', async () => {
    const ours = await repo.commit('Ours', { 'b.txt': 'B\n' });
    const { how, after } = await merge();
    expect(how).toBe('merge');
    expect(await repo.git('show', '--no-patch', '--format=%P %s', after)).toBe(`${ours} ${theirs} Merge it`);
    await repo.git('reset', '--quiet', '--hard', repo.first);
    expect((await merge({ noFastForward: true })).how).toBe('merge');
  });

  it('squashes to one commit, and a second time finds nothing to do', async () => {
    const ours = await repo.commit('Ours', { 'b.txt': 'B\n' });
    const { how, after } = await merge({ squash: true, message: 'All of it\n\nin one.' });
    expect(how).toBe('squash');
    expect(await repo.git('show', '--no-patch', '--format=%P %B', after)).toBe(
      `${ours} All of it\n\nin one.\n`,
    );
    expect(await repo.git('show', 'HEAD:new.txt')).toBe('new');
    const before = await state();
    expect(await merge({ squash: true })).toMatchObject({ how: 'already-merged', after });
    expect(await state()).toEqual(before);
  });

  it('says when the branch has it all', async () => {
    await merge();
    expect(await merge()).toMatchObject({ how: 'already-merged', before: theirs, after: theirs });
  });

  it('runs no hook of the repository', async () => {
    await repo.commit('Ours', { 'b.txt': 'B\n' });
    for (const hook of ['pre-merge-commit', 'pre-commit', 'commit-msg', 'post-merge', 'post-commit']) {
      const path = join(repo.path, '.git/hooks', hook);
      await mkdir(join(repo.path, '.git/hooks'), { recursive: true });
      await writeFile(path, `#!/bin/sh\ntouch '${repo.path}/../hooked'\nexit 1\n`);
      await chmod(path, 0o755);
    }
    expect((await merge()).how).toBe('merge');
    await expect(execa('test', ['-e', join(repo.path, '../hooked')])).rejects.toThrow();
  });
});

describe('a conflict names the files and leaves everything as it was', () => {
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder();
    await repo.commit('Ours', { 'a.txt': 'uno\ntwo\nthree\n' });
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await folder[Symbol.asyncDispose]();
  });

  it.each([[false], [true]])('(squash: %s)', async (squash) => {
    const before = await state();
    const error = await refusal({ squash });
    expect(error.code).toBe('MERGE_CONFLICT');
    expect(error.message).toContain('subagents/fix conflicts with main in a.txt; nothing was changed');
    expect(error.remedy).toContain('merge subagents/fix');
    expect(await state()).toEqual(before);
  });

  it.each([[false], [true]])('with a git that cannot merge in memory (squash: %s)', async (squash) => {
    const real = (await execa('sh', ['-c', 'command -v git'])).stdout;
    const old = `#!/bin/sh\ncase "$*" in *merge-tree*) echo 'usage: git merge-tree' >&2; exit 129;; esac\nexec '${real}' "$@"\n`;
    await writeFile(join(folder.path, 'git'), old, { mode: 0o755 });
    vi.stubEnv('PATH', `${folder.path}:${process.env['PATH']}`);
    await repo.write({ 'draft.txt': 'mine' });
    const before = await state();
    const error = await refusal({ squash });
    expect(error.code).toBe('MERGE_CONFLICT');
    expect(error.message).toContain('a.txt');
    expect(await state()).toEqual(before);
  });
});

describe('a merge is refused, and touches nothing,', () => {
  it.each([
    ['a changed file', { 'b.txt': 'mine\n' }, [], 'b.txt'],
    ['a staged file', { 'b.txt': 'mine\n' }, ['add', 'b.txt'], 'b.txt'],
  ])('over %s', async (_, files, command, named) => {
    await repo.write(files);
    if (command.length > 0) await repo.git(...command);
    const before = await state();
    const error = await refusal();
    expect(error.code).toBe('CHECKOUT_DIRTY');
    expect(error.message).toContain(named);
    expect(error.remedy).toContain('git stash');
    expect(await state()).toEqual(before);
  });

  it.each([[false], [true]])(
    'over an untracked file that it would overwrite (squash: %s)',
    async (squash) => {
      await repo.write({ 'new.txt': 'mine' });
      const before = await state();
      const error = await refusal({ squash });
      expect(error.code).toBe('CHECKOUT_DIRTY');
      expect(error.message).toContain('new.txt');
      expect(await state()).toEqual(before);
    },
  );

  describe.each([
    ['the branch need only move forward', false, false],
    ['there must be a merge', true, false],
    ['it is squashed', true, true],
  ])('over an ignored file, where %s:', (_, diverged, squash) => {
    /** Their branch has these files; the user's checkout has those, ignored. */
    const prepare = async (theirFiles: Record<string, string>, ourFiles: Record<string, string>) => {
      await repo.git('switch', '--quiet', 'subagents/fix');
      await repo.write(theirFiles);
      await repo.git('add', '--force', '--all');
      theirs = await repo.commit('By force');
      await repo.git('switch', '--quiet', 'main');
      await repo.write({ '.git/info/exclude': '/.env\n/conf*\n' });
      if (diverged) await repo.commit('Ours', { 'b.txt': 'B\n' });
      await repo.write(ourFiles);
    };

    it.each([
      ['in its place', { '.env': 'theirs' }, { '.env': 'mine' }, '.env'],
      ['where a folder must go', { 'conf/a.txt': 'theirs' }, { conf: 'mine' }, 'conf'],
      ['below a folder that must go', { conf: 'theirs' }, { 'conf/deep/mine.txt': 'mine' }, 'conf/deep/mine'],
    ])('%s', async (__, theirFiles, ourFiles, named) => {
      await prepare(theirFiles, ourFiles);
      const before = await state();
      const error = await refusal({ squash });
      expect(error.code).toBe('CHECKOUT_DIRTY');
      expect(error.message).toContain(`not in git would be overwritten: ${named}`);
      expect(await state()).toEqual(before);
      for (const [path, content] of Object.entries(ourFiles))
        expect(await readFile(join(repo.path, path), 'utf8')).toBe(content);
    });

    it('but not over one beside what comes', async () => {
      await prepare({ 'conf/a.txt': 'theirs' }, { 'conf/b.txt': 'mine', '.env': 'mine' });
      expect((await merge({ squash })).how).not.toBe('already-merged');
      expect(await readFile(join(repo.path, 'conf/b.txt'), 'utf8')).toBe('mine');
    });
  });

  it('not where a file becomes a folder, or a folder a file', async () => {
    await repo.git('switch', '--quiet', 'subagents/fix');
    await repo.git('rm', '--quiet', 'b.txt');
    theirs = await repo.commit('A folder', { 'b.txt/deep.txt': 'deep\n' });
    await repo.git('switch', '--quiet', 'main');
    expect((await merge()).how).toBe('fast-forward');
    await repo.git('switch', '--quiet', '--detach');
    await repo.git('rm', '--quiet', '-r', 'b.txt');
    theirs = await repo.commit('A file again', { 'b.txt': 'b\n' });
    await repo.git('switch', '--quiet', 'main');
    expect((await merge()).how).toBe('fast-forward');
  });

  it('in the middle of another merge', async () => {
    await repo.git('switch', '--quiet', '--create', 'other', repo.first);
    await repo.commit('Other', { 'b.txt': 'other\n' });
    await repo.git('switch', '--quiet', 'main');
    await repo.git('merge', '--quiet', '--no-ff', '--no-commit', 'other');
    const error = await refusal();
    expect(error.code).toBe('CHECKOUT_DIRTY');
    expect(error.message).toContain('in the middle of a merge');
  });

  it('on a detached HEAD', async () => {
    await repo.git('switch', '--quiet', '--detach');
    expect((await refusal()).message).toContain('no branch checked out');
  });

  it.each([[false], [true]])('when its commit cannot be signed (squash: %s)', async (squash) => {
    await repo.commit('Ours', { 'b.txt': 'B\n' });
    await repo.git('config', 'commit.gpgSign', 'true');
    await repo.git('config', 'gpg.program', 'false');
    const before = await state();
    const error = await refusal({ squash });
    expect(error.code).toBe('GIT');
    expect(error.message).toContain('could not be signed');
    expect(await state()).toEqual(before);
  });
});

describe('a merge is whole whatever is configured of merges,', () => {
  afterEach(() => void vi.unstubAllEnvs());

  it.each([
    ['--no-commit --no-ff', 'branch.main.mergeOptions', false, 'merge'],
    ['--squash', 'branch.main.mergeOptions', false, 'fast-forward'],
    ['--no-ff', 'branch.main.mergeOptions', true, 'squash'],
    ['false', 'merge.ff', true, 'squash'],
    ['only', 'merge.ff', true, 'squash'],
  ])('as %s by %s (squash: %s)', async (value, key, squash, how) => {
    await repo.git('config', key, value);
    const before = how === 'merge' ? await repo.commit('Ours', { 'b.txt': 'B\n' }) : repo.first;
    expect(await merge({ squash })).toMatchObject({ how, before });
    expect(await repo.git('show', 'HEAD:new.txt')).toBe('new');
    expect(await repo.git('status', '--porcelain')).toBe('');
    expect(existsSync(join(repo.path, '.git/MERGE_HEAD'))).toBe(false);
  });

  it('or nothing is, where git ends well without a commit', async () => {
    await using folder = await temporaryFolder();
    const real = (await execa('sh', ['-c', 'command -v git'])).stdout;
    const odd = `#!/bin/sh\ncase "$*" in *'merge --quiet'*) set -- "$@" --no-ff --no-commit;; esac\nexec '${real}' "$@"\n`;
    await writeFile(join(folder.path, 'git'), odd, { mode: 0o755 });
    const before = await state();
    vi.stubEnv('PATH', `${folder.path}:${process.env['PATH']}`);
    const error = await refusal();
    vi.unstubAllEnvs();
    expect(error.code).toBe('GIT');
    expect(error.message).toContain('made no commit');
    expect(await state()).toEqual(before);
    expect(existsSync(join(repo.path, '.git/MERGE_HEAD'))).toBe(false);
  });

  it.each([[false], [true]])(
    'or is refused for what it merges is not signed (squash: %s)',
    async (squash) => {
      await repo.git('config', 'merge.verifySignatures', 'true');
      const before = await state();
      const error = await refusal({ squash });
      expect(error.code).toBe('GIT');
      expect(error.message).toMatch(
        /merge\.verifySignatures of .* refuses the commit \w+, which does not have a GPG signature$/,
      );
      expect(error.remedy).toContain('--no-verify-signatures');
      expect(await state()).toEqual(before);
    },
  );
});
