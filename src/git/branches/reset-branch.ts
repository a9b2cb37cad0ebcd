/** Moves a subagent's branch back after commands that must not change it. */
import { branchTip, renameBlockingBranches, ensureNormalBranch } from './branch.ts';
import { isAncestor } from '../repository.ts';
import { keepCommit } from './kept-refs.ts';
import { resetTracked } from '../commits/reset-tracked.ts';
import type { Git } from '../git.ts';
import { checkoutStatus } from '../contents/status.ts';
import { countOnNoBranch } from './unmerged.ts';

/**
 * Moves `branch` back to `head` when it no longer contains `head`. The commit that it was at is kept, and so are
 * the files of the worktree `cwd` when that has the branch checked out.
 * @returns notes on what was done; empty when the branch contains `head`.
 * @throws SubagentsError GIT
 */
export async function resetBranch(
  git: Git,
  { branch, head }: { branch: string; head: string },
): Promise<string[]> {
  const notes = await ensureNormalBranch(git, branch);
  const tip = await branchTip(git, branch);
  if (tip !== undefined && (await isAncestor(git, head, tip))) return notes;
  if (tip === undefined) notes.push(...(await renameBlockingBranches(git, branch)));
  const args = ['update-ref', '--no-deref', '--create-reflog', '-m', 'subagents: moved back'];
  await git.run([...args, `refs/heads/${branch}`, head, tip ?? '']);
  const what = tip === undefined ? 'deleted; it was made again' : 'moved; it was moved back';
  notes.push(`the verification commands had ${branch} ${what} to ${head.slice(0, 10)}`);
  if (tip !== undefined && (await countOnNoBranch(git, tip)) > 0)
    notes.push(
      `the commit that they had moved it to is kept in ${await keepCommit(git, tip, { lost: true })}`,
    );
  if ((await checkoutStatus(git)).branch !== branch) return notes;
  const { keptRef } = await resetTracked(git, { to: head, why: 'Files as verification left them' });
  if (keptRef !== undefined) notes.push(`the files that they changed are kept in ${keptRef}`);
  return notes;
}
