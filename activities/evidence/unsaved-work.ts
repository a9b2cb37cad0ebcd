/** Work that no commit has, as an outcome tells of it. */
import { caveatOf, MAX_LISTED_FILES, oneLine, type Caveat, type Unsaved } from '../../src/contract/index.ts';
import { named } from '../verification/command-record.ts';

/** Of a path, or of a reason, in a list. */
const MAX_LISTED_CHARS = 300;

/** What its branch is without. */
export function unsavedCaveats(unsaved: readonly Unsaved[]): Caveat[] {
  if (unsaved.length === 0) return [];
  const items = unsaved.map(({ path, reason }) => `${oneLine(path, MAX_LISTED_CHARS)} (${reason})`);
  return [caveatOf('unsaved-work', `in its worktree, and in no commit: ${items.join('; ')}`)];
}

/** What its `.gitignore` says need not be committed, where it appeared meanwhile. */
export function ignoredCaveats(ignored: readonly string[]): Caveat[] {
  if (ignored.length === 0) return [];
  return [caveatOf('ignored-files', `git ignores what it left in ${named(ignored)}`)];
}

/** At most so many, and each no longer than a line. */
export function boundedUnsaved(unsaved: readonly Unsaved[]): Unsaved[] {
  const listed = unsaved.slice(0, MAX_LISTED_FILES).map(({ path, reason }) => ({
    path: oneLine(path, MAX_LISTED_CHARS),
    reason: oneLine(reason, MAX_LISTED_CHARS),
  }));
  const more = unsaved.length - listed.length;
  return more === 0
    ? listed
    : [...listed.slice(0, -1), { path: `and ${more + 1} more`, reason: 'not listed' }];
}
