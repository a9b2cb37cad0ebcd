/** Git for calls about the work of a subagent, as far as its repository is trusted. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Isolation } from '../contract/index.ts';
import { readCheckoutLockEntry } from '../git/locks/checkout-lock.ts';
import { gitDirs } from '../git/git-dirs.ts';
import { settingsAsBefore } from '../git/trust/readings.ts';
import { Git } from '../git/git.ts';
import { readWorkspaceRecord } from './workspace-record.ts';

/** Where a run works, or worked. */
export interface RunPlace {
  readonly cwd: string;
  readonly isolation: Isolation;
  /** Its first execution run id. */
  readonly runId: string;
}

/** Git where a run works, or worked: with the trust that its spawn gave, and with the settings for its files that there were before. */
export async function gitOfRun({ cwd, isolation, runId }: RunPlace): Promise<Git> {
  if (isolation === 'in-place') {
    // What is changed of the user's own checkout is there to stay, until the user says else.
    const held = existsSync(join(cwd, '.git')) && readCheckoutLockEntry(gitDirs(cwd).gitDir, runId);
    return Git.at(cwd, { trusted: held ? held.trustRepo : false });
  }
  const record = readWorkspaceRecord(cwd);
  const git = Git.at(cwd, { trusted: record?.trustRepo ?? false });
  return git.with({ config: await settingsAsBefore(git, record?.snapshot?.readings) });
}
