/** Filters the subagents of a list. */
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { isRepositoryUrl, type SessionListing, type SubagentRow } from '../../contract/index.ts';
import type { SelectionOptions } from '../types.ts';

/** Whether the options filter subagents by status or repository. */
export const isSelective = ({ statuses, repo }: SelectionOptions): boolean =>
  statuses !== undefined || repo !== undefined;

/** Filters the rows of a session; keeps the newest `finished` finished ones. `finishedCount` counts all that match. */
export function applySelection(
  listing: SessionListing,
  options: SelectionOptions,
  finished: number,
): SessionListing {
  const isWanted = (row: SubagentRow): boolean =>
    (options.statuses === undefined || options.statuses.includes(row.status)) &&
    (options.repo === undefined || isOf(row, options.repo));
  const ended = listing.finished.filter(isWanted);
  return {
    ...listing,
    live: listing.live.filter(isWanted),
    finished: ended.slice(0, finished),
    finishedCount: ended.length,
  };
}

/** Whether a subagent works on the repository `wanted`: a path, a URL, or the last component of either. */
function isOf({ repo }: SubagentRow, wanted: string): boolean {
  if (repo === wanted || lastComponent(repo) === wanted) return true;
  if (isRepositoryUrl(wanted) || isRepositoryUrl(repo)) return false;
  return resolve(wanted.replace(/^~(?=\/|$)/, homedir())) === repo;
}

const lastComponent = (repo: string): string | undefined =>
  repo
    .replace(/\/+$/, '')
    .split(/[/:]/)
    .at(-1)
    ?.replace(/\.git$/, '');
