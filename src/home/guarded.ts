/** Git calls about the work of a subagent, for which nothing runs that it may have configured. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { plantedSince, settingsAgainst, stillPlanted, type Planted } from '../git/planted.ts';
import { withSettings } from '../git/run.ts';
import { readWorkspaceRecord } from './workspace-record.ts';

/**
 * The programs that appeared in the configuration while a subagent worked in the worktree `cwd`; none where no record of
 * that worktree is on this machine.
 * @param checkout whose configuration counts; default is that of the worktree itself.
 * @throws SubagentsError GIT, INTERNAL
 */
export async function plantedBy(cwd: string, checkout?: string): Promise<Planted> {
  const record = readWorkspaceRecord(cwd);
  if (record === undefined) return {};
  // A worktree can have configuration of its own beside the shared one.
  const at = checkout ?? [cwd, record.repo].find((folder) => existsSync(join(folder, '.git')));
  if (at === undefined) return {};
  if (record.planted !== undefined) return stillPlanted(at, record.planted);
  return record.surroundings === undefined ? {} : plantedSince(at, record.surroundings.programs);
}

/** Does `work`, all git calls in it without those programs. */
export async function guarded<T>(cwd: string, work: () => Promise<T>): Promise<T> {
  return withSettings(settingsAgainst(await plantedBy(cwd)), work);
}
