/** Distinguishes the commits that a rebase dropped from those that it rewrote. */
import { join } from 'node:path';
import type { Git } from '../git.ts';
import { withGitScratch } from '../scratch.ts';

/** Maximum number of commits whose changes are searched in the files; further ones count as rewritten. */
const MAX_COMPARED = 100;

/** A commit that a rebase replaced, and the commits that HEAD was moved to after it for the first time. */
export interface RebasedCommit {
  readonly sha: string;
  readonly later: readonly string[];
}

/**
 * Returns the rebased commits without a successor: no later commit has the same author and author date, which a
 * rebase preserves, and `head` does not contain their changes, as it would after a squash.
 * @throws SubagentsError GIT
 */
export async function droppedCommits(
  git: Git,
  rebased: readonly RebasedCommit[],
  head: string,
): Promise<string[]> {
  const written = await authorsOf(git, new Set(rebased.flatMap(({ sha, later }) => [sha, ...later])));
  const alone = rebased
    .filter(({ sha, later }) => {
      const own = written.get(sha);
      if (own === undefined) return false;
      // Commits with the same author and second are distinguished by their subjects.
      const isOnly = !rebased.some((each) => each.sha !== sha && written.get(each.sha)?.stamp === own.stamp);
      return !later.some((each) => {
        const other = each === sha ? undefined : written.get(each);
        return other?.stamp === own.stamp && (isOnly || other.subject === own.subject);
      });
    })
    .map(({ sha }) => sha);
  if (alone.length === 0) return [];
  return withGitScratch(git, async (scratch) => {
    const own = git.with({ env: { GIT_INDEX_FILE: join(scratch, 'index') } });
    await own.run(['read-tree', head]);
    const dropped: string[] = [];
    for (const sha of alone.slice(0, MAX_COMPARED)) {
      const patch = await own.try([
        ...['diff-tree', '-p', '--binary', '--full-index', '--root', '--no-commit-id'],
        sha,
      ]);
      // A merge has no patch of its own.
      if (patch.exitCode !== 0 || patch.stdout === '') continue;
      const apply = ['apply', '--cached', '--check', '--reverse', '-'];
      const undone = await own.try(apply, { input: `${patch.stdout}\n` });
      if (undone.exitCode !== 0) dropped.push(sha);
    }
    return dropped;
  });
}

interface Written {
  /** The author, and the author date in seconds. */
  readonly stamp: string;
  readonly subject: string;
}

/** Returns the author, date and subject of each commit; ids that are no commits are left out. */
async function authorsOf(git: Git, commits: ReadonlySet<string>): Promise<Map<string, Written>> {
  const format = '--format=%H%x00%ae %at%x00%s';
  const args = ['log', '--no-walk=unsorted', '--ignore-missing', '--no-show-signature', format, '--stdin'];
  const { stdout } = await git.try(args, { input: [...commits].map((sha) => `${sha}\n`).join('') });
  return new Map(
    stdout.split('\n').flatMap((line): [string, Written][] => {
      const [sha = '', stamp, subject = ''] = line.split('\0');
      return stamp === undefined ? [] : [[sha, { stamp, subject }]];
    }),
  );
}
