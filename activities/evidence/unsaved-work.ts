/** Caveats about work that is in no commit. */
import { caveatOf, MAX_LISTED_FILES, oneLine, type Caveat, type Unsaved } from '../../src/contract/index.ts';
import { quotedPaths } from '../verification/command-record.ts';

/** Maximum length of a path, and of a reason, in a list. */
const MAX_LISTED_CHARS = 300;

/** The caveat about work that the branch does not contain. */
export function unsavedCaveats(unsaved: readonly Unsaved[]): Caveat[] {
  if (unsaved.length === 0) return [];
  const items = unsaved.map(({ path, reason }) => `${oneLine(path, MAX_LISTED_CHARS)} (${reason})`);
  return [caveatOf('unsaved-work', `its worktree has work that is in no commit: ${items.join('; ')}`)];
}

/** The caveat about new files that git ignores. */
export function ignoredCaveats(ignored: readonly string[]): Caveat[] {
  if (ignored.length === 0) return [];
  return [caveatOf('ignored-files', `it left files that git ignores: ${quotedPaths(ignored)}`)];
}

/** Limits the list to `MAX_LISTED_FILES` entries of one short line each. */
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
