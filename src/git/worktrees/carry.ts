/**
 * Commits the uncommitted changes of the caller's checkout for a subagent to start with. The checkout, its index,
 * stash and branches are only read; the only writes are new objects and a ref that keeps them.
 */
import { join } from 'node:path';
import { SubagentsError, type ResolvedSpec } from '../../contract/index.ts';
import { FALLBACK_IDENTITY } from '../trust/identity.ts';
import { deleteOldRefs } from '../branches/kept-refs.ts';
import { readLeftovers } from '../commits/leftovers.ts';
import { withScratch } from '../../system/scratch-folder.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';
import { gitError } from '../run.ts';
import { copyIndex } from '../commits/scratch-index.ts';
import { checkoutStatus } from '../contents/status.ts';

/** Subject of the commit. */
const CARRIED_SUBJECT = 'Uncommitted changes of the caller';
// Neither a branch nor a tag, so `git branch`, `git tag` and `git stash list` do not show it.
const KEPT = 'refs/subagents/carried/';
const MAX_NAMED = 5;

type Carried = NonNullable<ResolvedSpec['carried']>;

/**
 * Commits the tracked and new files of the checkout (without ignored ones) on top of `base`, which must be its
 * HEAD.
 * @returns the commit, undefined when there is nothing to carry; its tree; and notes for the caller.
 * @throws SubagentsError BAD_INPUT (another base, unresolved conflicts), GIT, DISK_FULL
 */
export async function carryChanges(
  git: Git,
  base: string,
): Promise<{
  readonly carried: Carried | undefined;
  readonly tree?: string;
  readonly notes: readonly string[];
}> {
  const status = await checkoutStatus(git);
  if (status.head !== base) {
    throw new SubagentsError(
      'BAD_INPUT',
      `the uncommitted changes of ${git.cwd} are based on its HEAD, ${status.head?.slice(0, 12)}, not on the base ${base.slice(0, 12)}`,
      { remedy: 'Leave out the base, or leave out the changes.' },
    );
  }
  const conflicts = status.changed.filter(({ unmerged }) => unmerged).map(({ path }) => path);
  if (conflicts.length > 0) {
    throw new SubagentsError('BAD_INPUT', `${git.cwd} has unresolved conflicts in ${named(conflicts)}`, {
      remedy: 'Resolve them first, or leave out the changes.',
    });
  }
  const nothing = { carried: undefined, notes: ['the checkout has no uncommitted changes to include'] };
  if (status.changed.length === 0 && status.untracked.length === 0) return nothing;

  return withScratch(async (folder) => {
    const { gitDir } = gitDirs(git.cwd);
    const index = join(folder, 'index');
    await copyIndex(gitDir, index).catch(() => undefined);
    const found = await readLeftovers({ cwd: git.cwd, status }, git.with({ env: { GIT_INDEX_FILE: index } }));
    const submodules = status.changed
      .filter(({ dirtySubmodule }) => dirtySubmodule)
      .map(({ path }) => ({ path, reason: 'the submodule has uncommitted changes of its own' }));
    const missing = [...found.unsaved, ...submodules].map(
      ({ path, reason }) => `${path} is not included: ${reason}`,
    );
    if (found.tree === (await git.run(['rev-parse', `${base}^{tree}`]))) {
      return { ...nothing, notes: [...nothing.notes, ...missing] };
    }
    const untracked = status.untracked.filter((path) => !path.endsWith('/'));
    const counts = { changed: status.changed.length, untracked: untracked.length };
    const commit = await commitTree(
      git,
      found.tree,
      base,
      `${CARRIED_SUBJECT}\n\n${fileCountsText(counts)}.\n`,
    );
    await deleteOldRefs(git, KEPT);
    await git.run(['update-ref', '--no-deref', `${KEPT}${commit}`, commit]);
    const news =
      untracked.length === 0 ? '' : `; make sure that the new files contain no secrets: ${named(untracked)}`;
    const first = `the first commit of the branch has the uncommitted changes of the checkout, ${commit.slice(0, 12)}`;
    return {
      carried: { commit, ...counts },
      tree: found.tree,
      notes: [`${first}: ${fileCountsText(counts)}${news}`, ...missing],
    };
  });
}

/** Deletes the ref of a carried commit that is unused, or that a branch contains by now. */
export async function releaseCarried(git: Git, commit: string): Promise<void> {
  await git.try(['update-ref', '--no-deref', '-d', `${KEPT}${commit}`]);
}

/** Formats the numbers of files: `3 changed files, 1 new file`. */
export function fileCountsText({ changed, untracked }: Pick<Carried, 'changed' | 'untracked'>): string {
  const files = (count: number, kind: string): string => `${count} ${kind} ${count === 1 ? 'file' : 'files'}`;
  return `${files(changed, 'changed')}, ${files(untracked, 'new')}`;
}

/** Creates a commit without hooks and signing; uses the subagents' identity when the caller has none. */
async function commitTree(git: Git, tree: string, parent: string, message: string): Promise<string> {
  const args = ['commit-tree', tree, '-p', parent, '-F', '-'];
  const own = await git.try(args, { input: message });
  if (own.exitCode === 0) return own.stdout;
  if (!/identity|ident name|auto-detect/.test(own.stderr)) throw gitError(args, git.cwd, own);
  const { name, email } = FALLBACK_IDENTITY;
  const env = {
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
  };
  return git.run(args, { input: message, env });
}

function named(paths: readonly string[]): string {
  const more = paths.length > MAX_NAMED ? ` and ${paths.length - MAX_NAMED} more` : '';
  return paths.slice(0, MAX_NAMED).join(', ') + more;
}
