/** What git ignores in a worktree and has appeared since its subagent began. */
import type { Unsaved } from '../../src/contract/index.ts';
import { tellIgnored } from '../../src/git/contents/hidden.ts';
import type { Git } from '../../src/git/git.ts';
import type { CheckoutStatus } from '../../src/git/contents/status.ts';
import {
  describeArtifacts,
  classifyUntracked,
  type KnownArtifacts,
} from '../../src/git/contents/artifacts.ts';

/** Paths of one folder and one reason beyond which only the folder is named. */
const MAX_NAMED = 10;

type Status = Pick<CheckoutStatus, 'ignored'>;

/** What git ignores in the worktree `cwd`, by its status, to be told from what appears later. @throws SubagentsError GIT */
export async function ignoredNow(git: Git, status: Status): Promise<KnownArtifacts> {
  const { told, hidden } = await tellIgnored(git, status.ignored);
  const paths = hidden.map(({ path }) => path);
  return {
    ...Object.fromEntries(told.map((path) => [path, null])),
    ...(await describeArtifacts(git.cwd, paths, paths)),
  };
}

export interface IgnoredSince {
  /** By top folder: ignored by the branch itself. */
  readonly ignored: readonly string[];
  /** Ignored by what no clone has. */
  readonly unsaved: readonly Unsaved[];
  /** The paths of `unsaved`, each. */
  readonly paths: readonly string[];
  /** All that git ignores now, also what was there before. */
  readonly all: readonly string[];
}

/** What git ignores in the worktree `cwd`, by its status, beyond what was there `before`, or has changed. @throws SubagentsError GIT */
export async function ignoredSince(git: Git, status: Status, before: KnownArtifacts): Promise<IgnoredSince> {
  const { told, hidden } = await tellIgnored(git, status.ignored);
  const paths = hidden.map(({ path }) => path);
  const { asLeft } = await classifyUntracked(git.cwd, paths, [before], true);
  const fresh = hidden.filter(({ path }) => !asLeft.has(path));
  const known = Object.keys(before);
  const ignored = told.filter(
    (path) => !known.some((entry) => entry === path || (entry.endsWith('/') && path.startsWith(entry))),
  );
  return {
    ignored: [...new Set(ignored.map(topOf))].sort(),
    unsaved: byFolder(fresh),
    paths: fresh.map(({ path }) => path),
    all: [...told, ...paths],
  };
}

/** `a/` of `a/b/c`. */
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
