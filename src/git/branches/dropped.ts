/** Commits that a rebase left out, told apart from those for which it made others. */
import { join } from 'node:path';
import { withScratch } from '../../system/scratch-folder.ts';
import type { Git } from '../git.ts';

/** Commits whose changes are looked for in the files, at most; the rest counts as taken over. */
const MAX_COMPARED = 100;

/** A commit that a rebase put others in the place of, and the commits that HEAD came to then for the first time. */
export interface Rebased {
  readonly sha: string;
  readonly later: readonly string[];
}

/**
 * Which of them have no successor: no later commit was written by the same author at the same moment, which a rebase keeps, and
 * `head` does not have their changes, as it would after a squash.
 * @throws SubagentsError GIT
 */
export async function droppedOf(git: Git, rebased: readonly Rebased[], head: string): Promise<string[]> {
  const written = await authorsOf(git, new Set(rebased.flatMap(({ sha, later }) => [sha, ...later])));
  const alone = rebased
    .filter(({ sha, later }) => {
      const own = written.get(sha);
      if (own === undefined) return false;
      // Several commits of one second are told apart by their subjects.
      const isOnly = !rebased.some((each) => each.sha !== sha && written.get(each.sha)?.stamp === own.stamp);
      return !later.some((each) => {
        const other = each === sha ? undefined : written.get(each);
        return other?.stamp === own.stamp && (isOnly || other.subject === own.subject);
      });
    })
    .map(({ sha }) => sha);
  if (alone.length === 0) return [];
  return withScratch(async (scratch) => {
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
  /** The author, and the second. */
  readonly stamp: string;
  readonly subject: string;
}

/** Who wrote each commit, and when; nothing of what is no commit. */
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
