/** Merges a commit into the branch of a checkout, completely or not at all. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkoutStatus } from '../contents/status.ts';
import { SubagentsError } from '../../contract/index.ts';
import { isAncestor } from '../repository.ts';
import { filesLostByMove } from '../worktrees/files-lost-by-move.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';
import { firstUsefulLine, gitError, type GitAnswer } from '../run.ts';
import { operationUnderway, withArticle } from '../commits/commit-worktree.ts';

/** What to merge, and how. */
export interface MergeRequest {
  readonly commit: string;
  /** The name of the commit in messages, for example `subagents/fix-login`. */
  readonly name: string;
  /** Create a single commit instead of merging the history. */
  readonly squash: boolean;
  readonly message: string;
  /** Create a merge commit even when a fast-forward is possible. */
  readonly noFastForward: boolean;
}

/** The result of a merge. */
export interface MergeResult {
  readonly how: 'fast-forward' | 'merge' | 'squash' | 'already-merged';
  /** The branch that was merged into. */
  readonly into: string;
  readonly before: string;
  /** The branch's commit afterwards; equal to `before` when there was nothing to merge. */
  readonly after: string;
}

/** Maximum number of paths that an error lists. */
const MAX_PATHS = 10;

/**
 * Merges a commit. No hook runs; commits are signed if the user's configuration says so. After an error the
 * checkout is unchanged.
 * @throws SubagentsError CHECKOUT_DIRTY, MERGE_CONFLICT (with the files), BAD_INPUT (no branch is checked out), GIT
 */
export async function mergeCommit(git: Git, request: MergeRequest): Promise<MergeResult> {
  const { cwd } = git;
  const { commit, squash } = request;
  const { into, before } = await requireReady(git);
  if (await isAncestor(git, commit, before)) {
    return { how: 'already-merged', into, before, after: before };
  }
  const tree = await tryInMemory(git, request, into, before);
  const files = await filesLostByMove(git, before, tree ?? commit);
  if (files.length > 0) throw overwritten(cwd, files);
  const answer = await git.try(mergeArguments(request));
  if (answer.exitCode !== 0) throw await undone(git, request, into, answer);
  if (squash && !(await commitSquashed(git, request, into))) {
    // Otherwise git would propose this message for the user's next commit.
    await rm(join(gitDirs(cwd).gitDir, 'SQUASH_MSG'), { force: true });
    return { how: 'already-merged', into, before, after: before };
  }
  const after = await git.run(['rev-parse', 'HEAD']);
  if (after === before) throw await nothingCommitted(git);
  return { how: squash ? 'squash' : after === commit ? 'fast-forward' : 'merge', into, before, after };
}

/**
 * The arguments are explicit, because `branch.<name>.mergeOptions` and `merge.ff` apply to everything unspecified.
 */
function mergeArguments({ commit, squash, message, noFastForward }: MergeRequest): string[] {
  const form = squash
    ? ['--squash', '--no-commit', '--ff']
    : ['--no-squash', '--commit', noFastForward ? '--no-ff' : '--ff', '--no-edit', '-m', message];
  return ['merge', '--quiet', '--no-autostash', '--no-overwrite-ignore', ...form, commit];
}

async function requireReady(git: Git): Promise<{ into: string; before: string }> {
  const { head, branch, changed } = await checkoutStatus(git);
  const underway = operationUnderway(gitDirs(git.cwd).gitDir);
  if (underway) {
    throw new SubagentsError('CHECKOUT_DIRTY', `${git.cwd} is in the middle of ${withArticle(underway)}`, {
      remedy: `Finish it, or abort it with "git ${underway} ${underway === 'bisect' ? 'reset' : '--abort'}", then merge again.`,
    });
  }
  // Uncommitted changes inside a submodule do not affect a merge.
  const uncommitted = changed.filter(({ dirtySubmodule }) => !dirtySubmodule).map(({ path }) => path);
  if (uncommitted.length > 0) {
    throw new SubagentsError('CHECKOUT_DIRTY', `${git.cwd} has uncommitted changes: ${listed(uncommitted)}`, {
      remedy: 'Commit or stash them (git stash), then merge again.',
    });
  }
  if (branch === undefined || head === undefined) {
    throw new SubagentsError(
      'BAD_INPUT',
      `${git.cwd} has no branch checked out that the work could be merged into`,
      {
        remedy: 'Check one out there (git switch BRANCH), then merge again.',
      },
    );
  }
  return { into: branch, before: head };
}

/**
 * Merges in memory and returns the resulting tree; undefined with a git that cannot do this (before 2.38).
 * @throws SubagentsError MERGE_CONFLICT
 */
async function tryInMemory(
  git: Git,
  request: MergeRequest,
  into: string,
  before: string,
): Promise<string | undefined> {
  const args = ['merge-tree', '--write-tree', '--name-only', '--no-messages', '-z', before, request.commit];
  const { exitCode, stdout } = await git.try(args);
  // The output is the tree, then the conflicting paths.
  const [tree, ...paths] = stdout.split('\0').filter(Boolean);
  if (exitCode === 1) throw conflict(git.cwd, request, into, paths);
  return exitCode === 0 ? tree : undefined;
}

/** Resets the checkout after a failed merge; returns the error with its cause. */
async function undone(
  git: Git,
  request: MergeRequest,
  into: string,
  answer: GitAnswer,
): Promise<SubagentsError> {
  const { cwd } = git;
  const { squash } = request;
  const unmerged = await git.try(['diff', '--name-only', '--diff-filter=U', '-z']);
  const paths = unmerged.stdout.split('\0').filter(Boolean);
  const begun = paths.length > 0 || operationUnderway(gitDirs(cwd).gitDir) === 'merge';
  if (begun) await git.run(squash ? ['reset', '--merge'] : ['merge', '--abort']);
  if (paths.length > 0) return conflict(git.cwd, request, into, paths);
  if (answer.stderr.includes('would be overwritten')) {
    const files = answer.stderr
      .split('\n')
      .filter((line) => line.startsWith('\t'))
      .map((line) => line.trim());
    return overwritten(cwd, files);
  }
  return commitFailed(cwd, answer);
}

/** Resets the checkout after git reported success but created no commit; returns the error. */
async function nothingCommitted(git: Git): Promise<SubagentsError> {
  await git.run(['reset', '--merge']);
  await rm(join(gitDirs(git.cwd).gitDir, 'SQUASH_MSG'), { force: true });
  return new SubagentsError('GIT', `git merge made no commit in ${git.cwd}; nothing was changed`, {
    remedy: 'Check the merge settings there (git config --get-regexp merge), or merge by hand.',
  });
}

/** Commits what `merge --squash` staged; false when nothing is staged. */
async function commitSquashed(git: Git, request: MergeRequest, into: string): Promise<boolean> {
  const { message } = request;
  if ((await git.try(['diff', '--cached', '--quiet'])).exitCode === 0) return false;
  const answer = await git.try(['commit', '--quiet', '-F', '-'], { input: message });
  if (answer.exitCode === 0) return true;
  await git.run(['reset', '--merge']);
  throw await undone(git, request, into, answer);
}

function commitFailed(cwd: string, answer: GitAnswer): SubagentsError {
  if (/tell me who you are|empty ident/i.test(answer.stderr)) {
    return new SubagentsError('GIT', `git has no author for commits in ${cwd}`, {
      remedy: 'Set git config user.name and user.email there, then merge again.',
    });
  }
  const [, refused, why] =
    /Commit ([0-9a-f]+) ((?:does not have|has) an? (?:good |bad |untrusted )?GPG signature[^\n]*)/.exec(
      answer.stderr,
    ) ?? [];
  if (refused !== undefined) {
    return new SubagentsError(
      'GIT',
      `merge.verifySignatures of ${cwd} refuses the commit ${refused}, which ${why?.replace(/\.$/, '')}`,
      {
        remedy:
          'Sign the commits of the branch, or merge by hand without this check: git merge --no-verify-signatures',
      },
    );
  }
  if (/gpg|sign/i.test(answer.stderr)) {
    const reason = firstUsefulLine(answer.stderr) ?? 'no reason given';
    return new SubagentsError('GIT', `the merge could not be signed: ${reason}`, {
      remedy: 'Unlock your signing key, then merge again; or merge by hand, without signing.',
    });
  }
  return gitError(['merge'], cwd, answer);
}

function conflict(
  checkout: string,
  { name }: MergeRequest,
  into: string,
  paths: readonly string[],
): SubagentsError {
  return new SubagentsError(
    'MERGE_CONFLICT',
    `${name} conflicts with ${into} in ${listed(paths)}; nothing was changed`,
    {
      remedy: `Merge it by hand (git -C ${checkout} merge ${name}), or have the subagent merge ${into} into its branch first.`,
    },
  );
}

function overwritten(cwd: string, files: readonly string[]): SubagentsError {
  return new SubagentsError(
    'CHECKOUT_DIRTY',
    `files of ${cwd} that are not in git would be overwritten: ${listed(files)}`,
    { remedy: 'Move them away, or commit them, then merge again.' },
  );
}

function listed(paths: readonly string[]): string {
  const more = paths.length > MAX_PATHS ? ` and ${paths.length - MAX_PATHS} more` : '';
  return paths.slice(0, MAX_PATHS).join(', ') + more;
}
