/** What was uncommitted in a checkout before a subagent began in it, told apart from what it did there. */
import { join } from 'node:path';
import { z } from 'zod';
import { changedInFolder, type ChangedFile } from './changes.ts';
import { contentHash, type CheckoutStatus } from './status.ts';
import type { Git } from '../git.ts';

/** Beyond it nothing is told apart. */
const MAX_FILES = 1_000;
/** Named in one line. */
const MAX_NAMED = 10;
/** What `contentHash` has of folders, such as repositories in the checkout: they cannot be compared. */
const NOT_COMPARABLE = 'other';

/** By path: its content, and its lines against the commit that was checked out. */
export const uncommitted = z.record(
  z.string(),
  z.object({ content: z.string(), insertions: z.number().int(), deletions: z.number().int() }),
);
export type Uncommitted = z.infer<typeof uncommitted>;

/** Paths of a checkout that are changed or new. */
export const pathsOf = ({ changed, untracked }: CheckoutStatus): string[] => [
  ...changed.map(({ path }) => path),
  ...untracked,
];

/** Reads what is uncommitted; undefined where that is too much. @throws SubagentsError GIT */
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

/** Of the paths that are uncommitted now, those that were before and have not been touched since. */
export function untouched(cwd: string, before: Uncommitted, now: readonly string[]): ReadonlySet<string> {
  return new Set(now.filter((path) => before[path] !== undefined && isAsBefore(cwd, path, before)));
}

/** What of `before` is in `files`, which were changed since, and what of it is gone; in words. */
export function notesOn(cwd: string, before: Uncommitted, files: readonly ChangedFile[]): string[] {
  const changed = new Set(files.map(({ path }) => path));
  const paths = Object.keys(before);
  const mixed = paths.filter((path) => changed.has(path));
  const gone = paths.filter((path) => !changed.has(path) && !isAsBefore(cwd, path, before));
  return [
    ...(mixed.length === 0
      ? []
      : [`what was uncommitted before it began is counted with its work, in ${named(mixed, before)}`]),
    ...(gone.length === 0
      ? []
      : [`what was uncommitted before it began is no longer there, in ${named(gone, before)}`]),
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
