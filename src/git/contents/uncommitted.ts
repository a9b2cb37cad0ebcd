/** Distinguishes a checkout's uncommitted changes from before a subagent began from the subagent's own. */
import { join } from 'node:path';
import { z } from 'zod';
import { changedInFolder, type ChangedFile } from './changes.ts';
import { contentHash, type CheckoutStatus } from './status.ts';
import type { Git } from '../git.ts';

/** With more uncommitted files than this, they are not distinguished. */
const MAX_FILES = 1_000;
/** Maximum number of paths in one line. */
const MAX_NAMED = 10;
/** The value of `contentHash` for folders, such as nested repositories, which cannot be compared. */
const NOT_COMPARABLE = 'other';

/** By path: the content hash, and the lines changed since the checked-out commit. */
export const uncommitted = z.record(
  z.string(),
  z.object({ content: z.string(), insertions: z.number().int(), deletions: z.number().int() }),
);
/** See `uncommitted`. */
export type Uncommitted = z.infer<typeof uncommitted>;

/** Returns the changed and new paths of a status. */
export const pathsOf = ({ changed, untracked }: CheckoutStatus): string[] => [
  ...changed.map(({ path }) => path),
  ...untracked,
];

/** Describes the uncommitted files; undefined when there are too many. @throws SubagentsError GIT */
export async function readUncommitted(git: Git, status: CheckoutStatus): Promise<Uncommitted | undefined> {
  const paths = pathsOf(status);
  if (paths.length > MAX_FILES || status.head === undefined) return undefined;
  if (paths.length === 0) return {};
  const files = await changedInFolder(git, status.head, status.untracked);
  const lines = new Map(files.map((file) => [file.path, file]));
  return Object.fromEntries(
    paths.map((path) => {
      const { insertions = 0, deletions = 0 } = lines.get(path) ?? {};
      return [path, { content: contentHash(join(git.cwd, path)), insertions, deletions }];
    }),
  );
}

/** Returns the paths of `now` that were uncommitted before and are unchanged since. */
export function unchangedSince(
  cwd: string,
  before: Uncommitted,
  now: readonly string[],
): ReadonlySet<string> {
  return new Set(now.filter((path) => before[path] !== undefined && isAsBefore(cwd, path, before)));
}

/** Notes on files of `before` that were changed further (they are in `files`), and on those that are gone. */
export function uncommittedNotes(cwd: string, before: Uncommitted, files: readonly ChangedFile[]): string[] {
  const changed = new Set(files.map(({ path }) => path));
  const paths = Object.keys(before);
  const mixed = paths.filter((path) => changed.has(path));
  const gone = paths.filter((path) => !changed.has(path) && !isAsBefore(cwd, path, before));
  return [
    ...(mixed.length === 0
      ? []
      : [
          `changes that were uncommitted before the subagent began are counted as its work, in ${named(mixed, before)}`,
        ]),
    ...(gone.length === 0
      ? []
      : [`changes that were uncommitted before the subagent began are gone, in ${named(gone, before)}`]),
  ];
}

function isAsBefore(cwd: string, path: string, before: Uncommitted): boolean {
  const content = contentHash(join(cwd, path));
  return content !== NOT_COMPARABLE && content === before[path]?.content;
}

function named(paths: readonly string[], before: Uncommitted): string {
  const more = paths.length > MAX_NAMED ? ` and ${paths.length - MAX_NAMED} more` : '';
  const each = paths
    .slice(0, MAX_NAMED)
    .map((path) => `${path} (+${before[path]?.insertions} -${before[path]?.deletions})`);
  return each.join(', ') + more;
}
