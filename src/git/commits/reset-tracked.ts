/** Resets the files of a worktree to a commit, after saving contents that are in no commit. */

import { join } from 'node:path';
import { filesLostByMove } from '../worktrees/files-lost-by-move.ts';
import { FALLBACK_IDENTITY } from '../trust/identity.ts';
import { keepCommit } from '../branches/kept-refs.ts';
import { statusWithIndex, withOwnIndex } from './own-index.ts';
import type { Git } from '../git.ts';
import { gitError } from '../run.ts';
import { NOT_UTF8, statIfThere } from '../../system/files.ts';

/** What to reset to, and what to keep. */
export interface ResetTrackedInput {
  /** The commit to reset to. */
  readonly to: string;
  /** Subject of the commit that keeps what would be lost. */
  readonly why: string;
  /** Further commits that may contain the folder's state already. */
  readonly known?: readonly string[];
  /** False when nobody can have worked there, so that nothing is kept. Default: true. */
  readonly keep?: boolean;
}

/** What was reset. */
export interface ResetTracked {
  /** Tracked files that differed. */
  readonly changed: readonly string[];
  /** The ref that keeps contents which were in no commit; undefined when there were none. */
  readonly keptRef: string | undefined;
}

/**
 * Resets the tracked files of the worktree to `to`, including files that its index hides, and replaces the
 * worktree's index with that of `to`. HEAD must be at `to`. Untracked files stay, unless `to` has a file in their
 * place.
 * @throws SubagentsError GIT, also when a file cannot be read and so cannot be kept (then nothing was changed);
 * DISK_FULL
 */
export async function resetTracked(
  git: Git,
  { to, why, known = [], keep = true }: ResetTrackedInput,
): Promise<ResetTracked> {
  const { changed } = await withOwnIndex(git, statusWithIndex);
  const differing = changed.filter(({ dirtySubmodule }) => !dirtySubmodule);
  const unread = differing.filter(({ state }) => state[1] !== '.').map(({ path }) => path);
  const saved = await savedState(git, unread, to);
  const commits = [to, 'HEAD', ...known].map((commit) => `${commit}^{tree}`);
  const trees = (await git.run(['rev-parse', ...commits])).split('\n');
  const kept = trees.includes(saved) || !keep ? undefined : await keepTree(git, saved, to, why);
  await withOwnIndex(git, async (index) => {
    await index.git.run(['read-tree', '--reset', '-u', to]);
    await index.adopt();
  });
  return { changed: differing.map(({ path }) => path), keptRef: kept };
}

/** Writes a tree of the folder's contents, without ignored files that the reset does not replace. */
function savedState(git: Git, changed: readonly string[], to: string): Promise<string> {
  return withOwnIndex(git, async ({ git: own }) => {
    const add = async (args: readonly string[], paths: readonly string[]): Promise<void> => {
      if (paths.length === 0) return;
      const all = ['-c', 'core.safecrlf=false', 'add', '--sparse', ...args];
      const from = ['--pathspec-from-file=-', '--pathspec-file-nul'];
      const input = paths.map((path) => `:(top,literal)${path}`).join('\0');
      const answer = await own.try([...all, ...from], { input });
      if (answer.exitCode !== 0) throw gitError(['add'], git.cwd, answer);
    };
    const whole = changed.some((path) => path.includes(NOT_UTF8));
    // A pathspec cannot name a file whose name is not UTF-8.
    if (whole) await own.run(['-c', 'core.safecrlf=false', 'add', '--sparse', '--update', '--', ':/']);
    else await add(['--all'], changed);
    const before = await own.run(['write-tree']);
    // Folders that replaced files, and ignored or new files where `to` has a file.
    const folders = changed.filter((path) => statIfThere(join(git.cwd, path))?.isDirectory());
    await add(['--force'], [...folders, ...(await filesLostByMove(git, before, to))]);
    return own.run(['write-tree']);
  });
}

async function keepTree(git: Git, tree: string, parent: string, why: string): Promise<string> {
  const { name, email } = FALLBACK_IDENTITY;
  const env = {
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
  };
  const commit = await git.run(['commit-tree', tree, '-p', parent, '-m', why], { env });
  return keepCommit(git, commit);
}
