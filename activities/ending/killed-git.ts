/** Removes the locks that a killed git, for example one killed with its worker, left in a subagent's worktree. */
import { basename } from 'node:path';
import type { TurnInput } from '../../src/contract/index.ts';
import { gitDirs } from '../../src/git/git-dirs.ts';
import { locksOf, removeLocks, removeStaleLocks } from '../../src/git/locks/stale-locks.ts';
import { adminDir } from '../../src/git/worktrees/worktree.ts';
import { canFindProcesses, findProcesses } from '../../src/home/processes.ts';
import { recordOfRun } from '../../src/home/workspace-record.ts';

/**
 * Removes the lock files, unless a git process of the subagent is alive. Call only while neither a turn nor a
 * command of the subagent runs. A user's own checkout is left alone, since the user's git may be running there.
 */
export async function removeLocksOfKilledGit({
  cwd,
  isolation,
  subagent,
}: Pick<TurnInput, 'cwd' | 'isolation' | 'subagent'>): Promise<void> {
  const record = recordOfRun({ isolation, cwd });
  if (record === undefined) return;
  const { commonDir } = gitDirs(record.repo);
  const parts = { gitDir: adminDir({ cwd, commonDir }), commonDir, branch: record.branch };
  const locks = await locksOf(parts);
  if (locks.length === 0) return;
  if (!canFindProcesses) await removeStaleLocks(parts);
  else if (!findProcesses(subagent.copilotSessionId).some(({ command }) => isGit(command)))
    await removeLocks(locks);
}

/** Whether a command line runs git or one of its subprograms (`git-merge`). */
function isGit(command: string): boolean {
  const program = basename(command.split(' ')[0] ?? '');
  return program === 'git' || program.startsWith('git-');
}
