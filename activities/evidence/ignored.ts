/** Finds git-ignored files that appeared in a worktree since its subagent began. */
import type { Unsaved } from '../../src/contract/index.ts';
import { classifyIgnored } from '../../src/git/contents/ignored-paths.ts';
import type { Git } from '../../src/git/git.ts';
import type { CheckoutStatus } from '../../src/git/contents/status.ts';
import {
  describeArtifacts,
  classifyUntracked,
  type KnownArtifacts,
} from '../../src/git/contents/artifacts.ts';

/** With more paths than this for one folder and reason, only the folder is listed. */
const MAX_NAMED = 10;

type Status = Pick<CheckoutStatus, 'ignored'>;

/**
 * Describes the ignored files of the worktree, so that files that appear later can be distinguished from them.
 * @throws SubagentsError GIT
 */
export async function snapshotIgnored(git: Git, status: Status): Promise<KnownArtifacts> {
  const { declared, hidden } = await classifyIgnored(git, status.ignored);
  const paths = hidden.map(({ path }) => path);
  return {
    ...Object.fromEntries(declared.map((path) => [path, null])),
    ...(await describeArtifacts(git.cwd, paths, paths)),
  };
}

/** Ignored files, compared with those from before. */
export interface IgnoredChanges {
  /**
   * Top-level folders and files of new paths that the repository's `.gitignore` files, or the user's own excludes
   * file, ignore.
   */
  readonly ignored: readonly string[];
  /** New or changed files that only rules outside any clone ignore, such as `info/exclude`. */
  readonly unsaved: readonly Unsaved[];
  /** Each path behind `unsaved`, which may list folders only. */
  readonly paths: readonly string[];
  /** All paths that git ignores now, including those from before. */
  readonly all: readonly string[];
}

/**
 * Returns the ignored files of the worktree that are not in `before` or have changed since.
 * @throws SubagentsError GIT
 */
export async function compareIgnored(
  git: Git,
  status: Status,
  before: KnownArtifacts,
): Promise<IgnoredChanges> {
  const { declared, hidden } = await classifyIgnored(git, status.ignored);
  const paths = hidden.map(({ path }) => path);
  const { unchanged } = await classifyUntracked(git.cwd, paths, [before], true);
  const fresh = hidden.filter(({ path }) => !unchanged.has(path));
  const known = Object.keys(before);
  const ignored = declared.filter(
    (path) => !known.some((entry) => entry === path || (entry.endsWith('/') && path.startsWith(entry))),
  );
  return {
    ignored: [...new Set(ignored.map(topOf))].sort(),
    unsaved: byFolder(fresh),
    paths: fresh.map(({ path }) => path),
    all: [...declared, ...paths],
  };
}

/** The first path component: `a/` of `a/b/c`. */
const topOf = (path: string): string => (path.includes('/') ? path.slice(0, path.indexOf('/') + 1) : path);

function byFolder(hidden: readonly Unsaved[]): Unsaved[] {
  const groups = new Map<string, Unsaved[]>();
  for (const each of hidden) {
    const key = `${topOf(each.path)}\n${each.reason}`;
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined || group.length <= MAX_NAMED) return group;
    return [{ path: topOf(first.path), reason: `${group.length} paths: ${first.reason}` }];
  });
}
