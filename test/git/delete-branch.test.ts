/** Branches are deleted only while something else has their commits. */
import { expect, it } from 'vitest';
import { deleteBranch } from '../../src/git/branches/delete-branch.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { Git } from '../../src/git/git.ts';

Object.assign(process.env, NO_GIT_CONFIGURATION);

const branchesAt = async (repo: Repository, commit: string): Promise<string[]> =>
  (await repo.git('for-each-ref', '--points-at', commit, '--format=%(refname:short)'))
    .split('\n')
    .filter(Boolean);

/** A repository with a commit that is on no branch. */
async function withLoose(): Promise<Repository & { loose: string }> {
  const repo = await temporaryRepository();
  await repo.git('switch', '--quiet', '--detach');
  const loose = await repo.commit('Loose');
  await repo.git('switch', '--quiet', 'main');
  return { ...repo, loose };
}

it('of two deletions at the same moment that rely on each other, one at most succeeds', async () => {
  await using repo = await withLoose();
  const { loose, first } = repo;
  for (let round = 0; round < 10; round++) {
    for (const branch of ['subagents/a', 'subagents/b']) await repo.git('branch', '--force', branch, loose);
    const deletions = await Promise.all(
      ['subagents/a', 'subagents/b'].map((branch) =>
        deleteBranch(Git.at(repo.path), { branch, tip: loose, base: first }).catch(() => 'locked'),
      ),
    );
    expect(deletions.filter((each) => each === 'deleted').length).toBeLessThan(2);
    expect((await branchesAt(repo, loose)).length).toBeGreaterThan(0);
  }
});

it('relies on a tag or a branch among many, and on nothing when that has moved', async () => {
  await using repo = await withLoose();
  const { loose, first } = repo;
  const at = { branch: 'subagents/a', tip: loose, base: first };
  await repo.git('branch', at.branch, loose);
  for (let n = 0; n < 9; n++) await repo.git('branch', `other-${n}`, first);
  expect(await deleteBranch(Git.at(repo.path), at)).toBe('alone');
  await repo.git('tag', '--annotate', '--message', 'A release', 'v1', loose);
  expect(await deleteBranch(Git.at(repo.path), at)).toBe('deleted');
  expect(await deleteBranch(Git.at(repo.path), at)).toBe('deleted');

  await repo.git('branch', at.branch, loose);
  await repo.git('tag', '--delete', 'v1');
  expect(await deleteBranch(Git.at(repo.path), at)).toBe('alone');
  expect(await deleteBranch(Git.at(repo.path), { ...at, tip: first })).toBe('moved');
  expect(await branchesAt(repo, loose)).toEqual([at.branch]);
  expect(await deleteBranch(Git.at(repo.path), at, true)).toBe('deleted');
});
