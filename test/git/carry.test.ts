import { existsSync } from 'node:fs';
import { readFile, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { carryChanges, releaseCarried } from '../../src/git/worktrees/carry.ts';
import { FALLBACK_IDENTITY } from '../../src/git/trust/identity.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { Git } from '../../src/git/git.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

/** Everything of the checkout that its owner can see. */
async function seen(repo: Repository): Promise<unknown> {
  return {
    index: (await readFile(join(repo.path, '.git/index'))).toString('base64'),
    config: await readFile(join(repo.path, '.git/config'), 'utf8'),
    head: await readFile(join(repo.path, '.git/HEAD'), 'utf8'),
    status: await repo.git('status', '--porcelain'),
    branches: await repo.git('branch', '--all', '--verbose'),
    tags: await repo.git('tag'),
    stash: await repo.git('stash', 'list'),
    log: existsSync(join(repo.path, '.git/logs/HEAD')),
  };
}

describe('uncommitted changes', () => {
  it('are carried along as a commit: staged, changed, deleted and new files, ignored ones not; the checkout is only read', async () => {
    await using repo = await temporaryRepository({
      'a.txt': 'a',
      'b.txt': 'b',
      'c.txt': 'c',
      '.gitignore': '.env\n',
    });
    await repo.write({ 'a.txt': 'staged' });
    await repo.git('add', 'a.txt');
    await repo.write({ 'a.txt': 'staged and changed', 'b.txt': 'changed', 'new/ä 1': 'x', '.env': 'secret' });
    await rm(join(repo.path, 'c.txt'));
    await repo.git('status'); // refreshes the index
    const before = await seen(repo);
    const { carried, notes } = await carryChanges(Git.at(repo.path), repo.first);
    expect(await seen(repo)).toEqual(before);
    expect(carried).toMatchObject({ changed: 3, untracked: 1 });
    const commit = carried?.commit ?? '';
    expect(notes).toEqual([
      `the first commit of the branch has the uncommitted changes of the checkout, ${commit.slice(0, 12)}: 3 changed files, 1 new file; ` +
        'make sure that the new files contain no secrets: new/ä 1',
    ]);
    expect(await repo.git('rev-parse', `${commit}^`)).toBe(repo.first);
    expect(await repo.git('show', `${commit}:a.txt`)).toBe('staged and changed');
    expect(await repo.git('ls-tree', '-r', '--name-only', '-z', commit)).toBe(
      '.gitignore\0a.txt\0b.txt\0new/ä 1\0',
    );
    // Kept from being pruned until it is let go.
    await repo.git('gc', '--quiet', '--prune=now');
    expect(await repo.git('cat-file', '-t', commit)).toBe('commit');
    await releaseCarried(Git.at(repo.path), commit);
    await repo.git('gc', '--quiet', '--prune=now');
    await expect(repo.git('cat-file', '-t', commit)).rejects.toThrow();
  });

  it('that are none give no commit', async () => {
    await using repo = await temporaryRepository({ '.gitignore': '.env\n' });
    await repo.write({ '.env': 'x' });
    expect(await carryChanges(Git.at(repo.path), repo.first)).toEqual({
      carried: undefined,
      notes: ['the checkout has no uncommitted changes to include'],
    });
    expect(await repo.git('for-each-ref', 'refs/subagents')).toBe('');
  });

  it('are refused on another base than HEAD, and with unresolved conflicts', async () => {
    await using repo = await temporaryRepository({ 'a.txt': 'a' });
    await repo.git('checkout', '--quiet', '-b', 'other');
    await repo.commit('Theirs', { 'a.txt': 'theirs' });
    await repo.git('checkout', '--quiet', 'main');
    const ours = await repo.commit('Ours', { 'a.txt': 'ours' });
    await expect(carryChanges(Git.at(repo.path), repo.first)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('are based on its HEAD') as string,
    });
    await repo.git('merge', 'other').catch(() => undefined);
    await expect(carryChanges(Git.at(repo.path), ours)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: `${repo.path} has unresolved conflicts in a.txt`,
    });
  });

  it('of somebody without an identity are committed by that of subagents', async () => {
    await using repo = await temporaryRepository(undefined, { identity: false });
    vi.stubEnv('EMAIL', '');
    await repo.git('config', 'user.useConfigOnly', 'true');
    await repo.write({ 'a.txt': 'x' });
    const { carried } = await carryChanges(Git.at(repo.path), repo.first);
    expect(await repo.git('log', '-1', '--format=%an', carried?.commit ?? '')).toBe(FALLBACK_IDENTITY.name);
  });
});

it('a change that is as old as the index is carried along too', async () => {
  await using repo = await temporaryRepository({ 'a.txt': 'a' });
  const at = new Date('2026-01-01T00:00:00Z');
  const path = join(repo.path, 'a.txt');
  // Whatever else of the file git would look at is the same a moment later as a rule.
  await repo.git('config', 'core.checkStat', 'minimal');
  await repo.git('config', 'core.trustctime', 'false');
  await utimes(path, at, at);
  await repo.git('update-index', '--refresh');
  await repo.write({ 'a.txt': 'b' });
  await utimes(path, at, at);
  await utimes(join(repo.path, '.git/index'), at, at);
  const { carried } = await carryChanges(Git.at(repo.path), repo.first);
  expect(await repo.git('show', `${carried?.commit}:a.txt`)).toBe('b');
});
