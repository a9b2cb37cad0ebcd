/**
 * Finds commits that were made in a worktree and are on no branch: left behind by a checkout or a reset, or lost
 * with a deleted branch. Searches the reflog of the worktree's HEAD; when that is gone with the worktree, the
 * unreferenced objects.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readForeignFile } from '../../system/files.ts';
import { branchTip, renameBlockingBranches } from './branch.ts';
import { isAncestor } from '../repository.ts';
import { droppedCommits } from './dropped-commits.ts';
import { keepCommit, keptCommits, WITHOUT_KEPT } from './kept-refs.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';
import { isMerged } from './unmerged.ts';

/** Maximum number of commits and of new loose objects that are read. */
const MAX_ENTRIES = 2_000;
const MAX_OBJECTS = 20_000;

/** A move of HEAD: the commits before and after, and the reflog message. */
export interface Move {
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

/** A commit that no ref contains. */
export interface LostCommit {
  readonly sha: string;
  readonly subject: string;
}

/** Reflog messages of operations that create a commit; a rebase creates commits that replace the earlier ones. */
const MAKES =
  /^(commit|cherry-pick|revert|merge|am|pull|rebase \((pick|reword|edit|squash|fixup|merge|continue)\))(?![\w-])/;
/** Reflog messages of operations that replace the previous commit. */
const REPLACES = /^(commit \(amend\)|rebase|pull .*--rebase|pull -r)/;
/** Those of them that may also drop commits. */
const REBASES = /^(rebase|pull)/;

/**
 * Returns the moves of a worktree's HEAD, oldest first; empty when there is no reflog.
 * @param gitDir the worktree's own git folder
 */
export function headMoves(gitDir: string): Move[] {
  let text: string;
  try {
    text = readForeignFile(join(gitDir, 'logs/HEAD'), { follow: false }).toString();
  } catch {
    return [];
  }
  return text
    .split('\n')
    .flatMap((line): Move[] => {
      const [, from = '', to = '', why = ''] = /^([0-9a-f]+) ([0-9a-f]+) [^\t]*(?:\t(.*))?$/.exec(line) ?? [];
      return to === '' ? [] : [{ from, to, why }];
    })
    .slice(-MAX_ENTRIES);
}

/**
 * Returns the tips of commits that were made in the worktree and that no ref contains. Commits that an amendment or
 * a rebase replaced do not count (those that a rebase dropped do), nor do commits whose content `head` has. Without
 * `head`, all commits after `base` count.
 * @throws SubagentsError GIT
 */
async function lostCommits(
  git: Git,
  moves: readonly Move[],
  { base, head }: { base: string; head?: string },
): Promise<LostCommit[]> {
  const made = new Set(moves.filter(({ why }) => MAKES.test(why)).map(({ to }) => to));
  if (made.size === 0) return [];
  const lost = await unreferenced(
    git,
    [...made],
    ['--not', WITHOUT_KEPT, '--all', base, ...(head === undefined ? [] : [head])],
  );
  if (lost.size === 0) return [];
  const replaced = await replacedIn(git, moves, lost, head);
  const left = new Map([...lost].filter(([sha]) => !replaced.has(sha)));
  const tips = tipsOf(left).filter((sha) => made.has(sha));
  const found: LostCommit[] = [];
  for (const sha of tips)
    if (head === undefined || !(await isMerged(git, head, sha)))
      found.push({ sha, subject: await subjectOf(git, sha) });
  return found;
}

/** Returns those of the commits `lost` that an amendment or a rebase replaced. */
async function replacedIn(
  git: Git,
  moves: readonly Move[],
  lost: ReadonlyMap<string, readonly string[]>,
  head: string | undefined,
): Promise<Set<string>> {
  const replaced = new Set<string>();
  const rebased = new Map<string, readonly string[]>();
  for (const [index, { from, why }] of moves.entries()) {
    if (!REPLACES.test(why) || !lost.has(from)) continue;
    const before = new Set(moves.slice(0, index).map(({ to }) => to));
    const later = moves.slice(index).flatMap(({ to }) => (before.has(to) ? [] : [to]));
    // Includes the commit's lost ancestors.
    const all = new Set([from]);
    for (const sha of all) for (const parent of lost.get(sha) ?? []) if (lost.has(parent)) all.add(parent);
    for (const sha of all) {
      replaced.add(sha);
      if (REBASES.test(why)) rebased.set(sha, later);
    }
  }
  if (head !== undefined && rebased.size > 0) {
    const candidates = [...rebased].map(([sha, later]) => ({ sha, later }));
    for (const sha of await droppedCommits(git, candidates, head)) replaced.delete(sha);
  }
  return replaced;
}

/**
 * For a worktree and a branch that are gone: returns the tips of commits after `base` that no ref and no reflog
 * contains, created since `since` (milliseconds since the epoch), newest first.
 * @throws SubagentsError GIT
 */
async function danglingSince(git: Git, base: string, since: number): Promise<LostCommit[]> {
  const names = looseObjects(git.cwd, since);
  if (names.length === 0) return [];
  const types = await git.run(['cat-file', '--batch-check=%(objectname) %(objecttype)'], {
    input: `${names.join('\n')}\n`,
  });
  const commits = types
    .split('\n')
    .filter((line) => line.endsWith(' commit'))
    .map((line) => line.split(' ')[0] ?? '');
  if (commits.length === 0) return [];
  const lost = await unreferenced(git, commits, ['--not', WITHOUT_KEPT, '--all', '--reflog', base]);
  const found: (LostCommit & { readonly at: number })[] = [];
  for (const sha of tipsOf(lost)) {
    const line = await git.run(['log', '-1', '--no-show-signature', '--format=%ct %s', sha, '--']);
    const [, at = '0', subject = ''] = /^(\d+) (.*)$/.exec(line) ?? [];
    const isStash = /^(WIP on|On|index on|untracked files on) [^:]+:/.test(subject);
    const isInTime = Number(at) >= Math.floor(since / 1000);
    if (!isStash && isInTime && (await isAncestor(git, base, sha)))
      found.push({ sha, subject, at: Number(at) });
  }
  return found.sort((a, b) => b.at - a.at).map(({ sha, subject }) => ({ sha, subject }));
}

/**
 * Creates a deleted branch again, at the last unreferenced commit in the worktree's reflog, or else at the only
 * unreferenced commit made after `start` since then. When there are several of those, all are kept and reported,
 * since it is unknown which subagent made each.
 * @param place with `admin`, git's folder for what belongs to the worktree alone.
 * @returns notes on what was found; empty when the branch exists or nothing was lost with it.
 * @throws SubagentsError GIT
 */
export async function recreateBranch(
  { cwd, commonDir, admin }: { readonly cwd: string; readonly commonDir: string; readonly admin: string },
  { branch, start, since }: { branch: string; start: string; since: number | undefined },
  git: Git,
): Promise<string[]> {
  if ((await branchTip(git.in(commonDir), branch)) !== undefined) return [];
  const notes = await renameBlockingBranches(git.in(commonDir), branch);
  const moves = headMoves(admin);
  const logged = await lostCommits(git.in(commonDir), moves, { base: start });
  const order = moves.map(({ to }) => to);
  logged.sort((a, b) => order.lastIndexOf(b.sha) - order.lastIndexOf(a.sha));
  const found =
    moves.length > 0 || since === undefined ? logged : await danglingSince(git.in(commonDir), start, since);
  const [last] = found;
  if (last === undefined) return notes;
  if (moves.length === 0 && found.length > 1) {
    await keep(git.in(commonDir), found, cwd);
    return [...notes, `${branch} had been deleted, and ${found.length} commits could be its last one`];
  }
  const args = ['update-ref', '--no-deref', '--create-reflog', '-m', 'subagents: brought back'];
  await git.in(commonDir).run([...args, `refs/heads/${branch}`, last.sha, '']);
  return [
    ...notes,
    `${branch} had been deleted; it was made again at ${last.sha.slice(0, 10)} "${last.subject}", the last commit of its worktree`,
  ];
}

/**
 * Keeps lost commits for the worktree's subagent until `clean --force`. Otherwise git would prune them in time, and
 * the reflog that lists them is removed with the worktree.
 */
async function keep(git: Git, lost: readonly LostCommit[], worktree: string): Promise<void> {
  for (const { sha } of lost) await keepCommit(git, sha, { worktree, lost: true });
}

/**
 * Finds and keeps commits that were made in the worktree `cwd` and that neither `head` nor any foreign ref
 * contains. Searches the reflog and the commits kept earlier; when the reflog has expired, the commits created
 * after `since`.
 * @throws SubagentsError GIT
 */
export async function keepLostCommits(
  git: Git,
  moves: readonly Move[],
  { base, head, since }: { base: string; head: string; since: number | undefined },
): Promise<LostCommit[]> {
  const { gitDir, commonDir } = gitDirs(git.cwd);
  // Without any reflog file, it is unknown who made a commit.
  const expired = moves.length === 0 && existsSync(join(gitDir, 'logs/HEAD'));
  const lost =
    expired && since !== undefined
      ? await danglingSince(git.in(commonDir), base, since)
      : await lostCommits(git, moves, { base, head });
  await keep(git, lost, git.cwd);
  // Commits in the reflog were already checked above.
  const logged = new Set([...moves.map(({ to }) => to), ...lost.map(({ sha }) => sha)]);
  for (const { sha, subject } of await keptCommits(git, git.cwd, true))
    if (!logged.has(sha) && !(await isMerged(git, head, sha))) lost.push({ sha, subject });
  return lost;
}

/** Returns those of `commits` and their ancestors that are not reachable from `not`, each with its parents. */
async function unreferenced(
  git: Git,
  commits: readonly string[],
  not: readonly string[],
): Promise<Map<string, readonly string[]>> {
  const there = await git.run(['cat-file', '--batch-check=%(objectname) %(objecttype)'], {
    input: `${commits.join('\n')}\n`,
  });
  const known = there
    .split('\n')
    .flatMap((line) => (line.endsWith(' commit') ? [line.split(' ')[0] ?? ''] : []));
  if (known.length === 0) return new Map();
  // A ref of another user may be broken.
  const args = ['rev-list', '--ignore-missing', '--parents', `--max-count=${MAX_ENTRIES}`, '--stdin', ...not];
  const list = await git.run(args, { input: known.map((sha) => `${sha}\n`).join('') });
  return new Map(
    list
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' '))
      .map(([sha = '', ...parents]) => [sha, parents]),
  );
}

/** Returns the commits that are no other's parent. */
function tipsOf(commits: ReadonlyMap<string, readonly string[]>): string[] {
  const parents = new Set([...commits.values()].flat());
  return [...commits.keys()].filter((sha) => !parents.has(sha));
}

const subjectOf = (git: Git, sha: string): Promise<string> =>
  git.run(['log', '-1', '--no-show-signature', '--encoding=UTF-8', '--format=%s', sha, '--']);

/** Returns the ids of loose objects that were written since then. */
function looseObjects(commonDir: string, since: number): string[] {
  const objects = join(commonDir, 'objects');
  const names: string[] = [];
  for (const folder of readdirSync(objects).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
    for (const name of readdirSync(join(objects, folder))) {
      const stat = statSync(join(objects, folder, name), { throwIfNoEntry: false });
      // Some file systems store whole seconds only.
      if (stat === undefined || stat.mtimeMs < Math.floor(since / 1000) * 1000) continue;
      if (/^[0-9a-f]{38,62}$/.test(name)) names.push(folder + name);
      if (names.length >= MAX_OBJECTS) return names;
    }
  }
  return names;
}

/** Describes lost commits for a caveat. */
export function lostText(lost: readonly LostCommit[], repo: string): string {
  const named = lost.slice(0, 5).map(({ sha, subject }) => `${sha.slice(0, 10)} "${subject}"`);
  const more = lost.length > 5 ? ` and ${lost.length - 5} more` : '';
  const are = lost.length === 1 ? 'a commit that it made is' : 'commits that it made are';
  return `${are} on no branch: ${named.join(', ')}${more} (git -C ${repo} branch NAME ${lost[0]?.sha.slice(0, 10)} restores it)`;
}
