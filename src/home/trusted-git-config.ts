/** Git calls about the work of a subagent, as far as its repository is trusted. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Isolation } from '../contract/index.ts';
import { readCheckoutLockEntry } from '../git/locks/checkout-lock.ts';
import { gitDirs } from '../git/git-dirs.ts';
import { settingsAsBefore } from '../git/trust/readings.ts';
import { withScope, gitAt } from '../git/git.ts';
import { readWorkspaceRecord } from './workspace-record.ts';

/** Where a run works, or worked. */
export interface RunPlace {
  readonly cwd: string;
  readonly isolation: Isolation;
  /** Its first execution run id. */
  readonly runId: string;
}

/** Does `work`, all git calls in it with the trust that the spawn gave, and with the settings for its files that there were before. */
export async function withTrustedGitConfig<T>(place: RunPlace, work: () => Promise<T>): Promise<T> {
  const { cwd, isolation, runId } = place;
  if (isolation === 'in-place') {
    // What is changed of the user's own checkout is there to stay, until the user says else.
    const held = existsSync(join(cwd, '.git')) && readCheckoutLockEntry(gitDirs(cwd).gitDir, runId);
    return withScope({ trusted: held ? held.trustRepo : false }, work);
  }
  const record = readWorkspaceRecord(cwd);
  const config = await settingsAsBefore(gitAt(cwd), record?.snapshot?.readings);
  return withScope({ trusted: record?.trustRepo ?? false, config }, work);
}
