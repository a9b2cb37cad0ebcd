/**
 * Checks files: whole worktrees, no remaining lease or lock, no unknown branch, and an unchanged checkout of the
 * caller.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Git } from '../../src/git/git.ts';
import type { Check } from '../facts.ts';
import type { Loss } from '../report.ts';

export const workspaces: Check = async (facts) => {
  const { repo, base, subagents, workers } = facts;
  const git = Git.at(repo);
  const losses: Loss[] = [];
  const lose = (what: string, where: string): void => void losses.push({ check: 'workspaces', what, where });

  const worktrees = (await git.run(['worktree', 'list', '--porcelain']))
    .split('\n\n')
    .slice(1)
    .filter(Boolean);
  for (const each of worktrees) if (/^prunable/m.test(each)) lose('a worktree without its folder', each);
  const halfMade = workers.flatMap(({ home }) =>
    filesBelow(join(home, 'worktrees'), '.json', 3).filter((path) => stateOf(path) === 'making'),
  );
  for (const path of halfMade) lose('a worktree that was never made to its end', path);

  const known = new Set(['main', ...subagents.map(({ label }) => `subagents/${label}`)]);
  const branches = (await git.run(['for-each-ref', '--format=%(refname:short)', 'refs/heads']))
    .split('\n')
    .filter(Boolean);
  const stray = branches.filter((name) => !known.has(name));
  for (const name of stray) lose(`the branch ${name} is of no subagent`, repo);

  const leases = workers.flatMap(({ home }) => filesBelow(join(home, 'leases'), '', 1));
  for (const path of leases) lose('a lease of an activity that is over', path);
  const locks = filesBelow(join(repo, '.git'), '.lock', 4);
  for (const path of locks) lose('a lock of git that nobody holds', path);

  const head = (await git.run(['rev-parse', 'HEAD'])).trim();
  if (head !== base) lose(`the caller's checkout is at ${head}`, repo);
  const status = (await git.run(['status', '--porcelain'])).trim();
  if (status !== '') lose(`the caller's checkout has changed: ${status}`, repo);

  const changed = Number(head !== base) + Number(status !== '');
  const row = (name: string, got: number) => ({ name, expected: 0, got, lost: got });
  return {
    losses,
    rows: [
      { name: 'worktrees', got: worktrees.length, lost: 0 },
      row('worktrees half-made', losses.filter(({ what }) => what.startsWith('a worktree')).length),
      row('stray branches', stray.length),
      row('leases left', leases.length),
      row('locks of git left', locks.length),
      row("changes of the caller's checkout", changed),
    ],
  };
};

/** Paths of files with that ending, at most `depth` folders deep; empty if the folder does not exist. */
function filesBelow(folder: string, ending: string, depth: number): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return depth > 1 ? filesBelow(path, ending, depth - 1) : [];
      return entry.name.endsWith(ending) ? [path] : [];
    });
  } catch {
    return [];
  }
}

function stateOf(path: string): unknown {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { state?: unknown }).state;
  } catch {
    return undefined; // a file of a project
  }
}
