/** Git handles for calls about a subagent's work, with the trust that its repository has. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Isolation } from '../contract/index.ts';
import { readCheckoutLockEntry } from '../git/locks/checkout-lock.ts';
import { gitDirs } from '../git/git-dirs.ts';
import { restoringSettings } from '../git/trust/content-settings.ts';
import { Git } from '../git/git.ts';
import { readWorkspaceRecord } from './workspace-record.ts';

/** The workspace of a run. */
export interface RunWorkspace {
  readonly cwd: string;
  readonly isolation: Isolation;
  /** The run's first execution run id. */
  readonly runId: string;
}

/**
 * Returns a git handle for a run's workspace, with the trust that the spawn gave and the settings for reading files
 * from before the run.
 */
export async function gitOfRun({ cwd, isolation, runId }: RunWorkspace): Promise<Git> {
  if (isolation === 'in-place') {
    // Changed settings of the user's own checkout stay in force until the user changes them.
    const held = existsSync(join(cwd, '.git')) && readCheckoutLockEntry(gitDirs(cwd).gitDir, runId);
    return Git.at(cwd, { trusted: held ? held.trustRepo : false });
  }
  const record = readWorkspaceRecord(cwd);
  const git = Git.at(cwd, { trusted: record?.trustRepo ?? false });
  return git.with({ config: await restoringSettings(git, record?.snapshot?.readings) });
}
