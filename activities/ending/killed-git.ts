/** Frees a subagent's worktree from the locks of a git that was killed, as with its worker. */
import { basename } from 'node:path';
import type { TurnInput } from '../../src/contract/index.ts';
import { gitDirs } from '../../src/git/git-dirs.ts';
import { locksOf, removeLocks, removeStaleLocks } from '../../src/git/locks/stale-locks.ts';
import { adminDir } from '../../src/git/worktrees/worktree.ts';
import { canFindProcesses, findProcesses } from '../../src/home/processes.ts';
import { readWorkspaceRecord } from '../../src/home/workspace-record.ts';

/**
 * Removes the lock files, unless a git of the subagent is alive. To be called while neither a turn nor a command of it runs. A user's own checkout is
 * left alone: the user's git may work there.
 */
export async function removeLocksOfKilledGit({
  cwd,
  isolation,
  subagent,
}: Pick<TurnInput, 'cwd' | 'isolation' | 'subagent'>): Promise<void> {
  const record = isolation === 'worktree' ? readWorkspaceRecord(cwd) : undefined;
  if (record === undefined) return;
  const { commonDir } = gitDirs(record.repo);
  const parts = { gitDir: adminDir({ cwd, commonDir }), commonDir, branch: record.branch };
  const locks = await locksOf(parts);
  if (locks.length === 0) return;
  if (!canFindProcesses) await removeStaleLocks(parts);
  else if (!findProcesses(subagent.copilotSessionId).some(({ command }) => isGit(command)))
    await removeLocks(locks);
}

/** Whether a command line is of git, or of one of its parts (`git-merge`). */
function isGit(command: string): boolean {
  const program = basename(command.split(' ')[0] ?? '');
  return program === 'git' || program.startsWith('git-');
}
