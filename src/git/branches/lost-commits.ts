/**
 * Commits that were made in a worktree and are on no branch: left by a checkout, a reset, or with a branch that was deleted.
 * They are found through the reflog of the worktree's HEAD; where that went with the worktree, among the objects that no ref has.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { branchTip, makeWay } from './branch.ts';
import { isAncestor } from '../common.ts';
import { droppedOf } from './dropped.ts';
import { keepCommit, keptCommits, WITHOUT_KEPT } from './kept-refs.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';
import { contains } from './unmerged.ts';

/** What is looked at of each, at most: a reflog, and new loose objects. */
const MAX_ENTRIES = 2_000;
const MAX_OBJECTS = 20_000;

/** Something that HEAD went through: what it was at before, what it is at after, and why. */
export interface Move {
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

export interface LostCommit {
  readonly sha: string;
  readonly subject: string;
}

/** What makes a commit, as a reflog says it; a rebase makes others in place of what it began with. */
const MAKES =
  /^(commit|cherry-pick|revert|merge|am|pull|rebase \((pick|reword|edit|squash|fixup|merge|continue)\))(?![\w-])/;
/** What puts another commit in the place of the one before. */
const REPLACES = /^(commit \(amend\)|rebase|pull .*--rebase|pull -r)/;
/** Of those: what may also leave commits out. */
const REBASES = /^(rebase|pull)/;

/** The moves of a worktree's HEAD, oldest first; none where nothing is logged. @param gitDir its own git folder */
export function headMoves(gitDir: string): Move[] {
  let text: string;
  try {
    text = readFileSync(join(gitDir, 'logs/HEAD'), 'utf8');
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
 * The last of commits that were made there and that no ref has: neither those that an amendment or a rebase has replaced (what a rebase dropped counts as lost), nor
 * those whose content the commit `head` has all the same. Without a head, all that came after `base`.
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
    if (head === undefined || !(await contains(git, head, sha)))
      found.push({ sha, subject: await subjectOf(git, sha) });
  return found;
}

/** Of the commits `lost`, those in whose place an amendment or a rebase has put others. */
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
    // With all that it was built on.
    const all = new Set([from]);
    for (const sha of all) for (const parent of lost.get(sha) ?? []) if (lost.has(parent)) all.add(parent);
    for (const sha of all) {
      replaced.add(sha);
      if (REBASES.test(why)) rebased.set(sha, later);
    }
  }
  if (head !== undefined && rebased.size > 0) {
    const candidates = [...rebased].map(([sha, later]) => ({ sha, later }));
    for (const sha of await droppedOf(git, candidates, head)) replaced.delete(sha);
  }
  return replaced;
}

/**
 * Of a worktree and a branch that are gone: the last commits after `base` that no ref and no reflog has, made since `since`
 * (milliseconds since the epoch), newest first.
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
 * Makes a branch again that is gone, at the last commit of its worktree that no ref has: by the reflog of the worktree's HEAD, else
 * the only one that was made after `start` since then. Several of those are kept and named, since nobody knows whose each is.
 * @param place with the folder `admin` in which git keeps what belongs to the worktree alone.
 * @returns what was found, in words; nothing where the branch is there, or nothing was lost with it.
 * @throws SubagentsError GIT
 */
export async function bringBranchBack(
  { cwd, commonDir, admin }: { readonly cwd: string; readonly commonDir: string; readonly admin: string },
  { branch, start, since }: { branch: string; start: string; since: number | undefined },
  git: Git,
): Promise<string[]> {
  if ((await branchTip(git.in(commonDir), branch)) !== undefined) return [];
  const notes = await makeWay(git.in(commonDir), branch);
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
    return [...notes, `${branch} had been deleted; ${found.length} commits may be what it had`];
  }
  const args = ['update-ref', '--no-deref', '--create-reflog', '-m', 'subagents: brought back'];
  await git.in(commonDir).run([...args, `refs/heads/${branch}`, last.sha, '']);
  return [
    ...notes,
    `${branch} had been deleted; it was made again at ${last.sha.slice(0, 10)} "${last.subject}", the last commit of its worktree`,
  ];
}

/**
 * Keeps them for the subagent of the worktree, until its `clean --force`: else git would remove them in time, and what lists them goes
 * with the worktree.
 */
async function keep(git: Git, lost: readonly LostCommit[], worktree: string): Promise<void> {
  for (const { sha } of lost) await keepCommit(git, sha, { worktree, lost: true });
}

/**
 * Commits that were made in the worktree `cwd` and that neither `head` nor any ref of others has, by its reflog and by what was kept
 * before; where nothing is logged any more, those that were made after `since`. From now on they are kept.
 * @throws SubagentsError GIT
 */
export async function keepLostCommits(
  git: Git,
  moves: readonly Move[],
  { base, head, since }: { base: string; head: string; since: number | undefined },
): Promise<LostCommit[]> {
  const { gitDir, commonDir } = gitDirs(git.cwd);
  // Where git logs nothing in the first place, nobody knows whose a commit is.
  const expired = moves.length === 0 && existsSync(join(gitDir, 'logs/HEAD'));
  const lost =
    expired && since !== undefined
      ? await danglingSince(git.in(commonDir), base, since)
      : await lostCommits(git, moves, { base, head });
  await keep(git, lost, git.cwd);
  // Of what the reflog has, it has been said above whether it is lost still.
  const logged = new Set([...moves.map(({ to }) => to), ...lost.map(({ sha }) => sha)]);
  for (const { sha, subject } of await keptCommits(git, git.cwd, true))
    if (!logged.has(sha) && !(await contains(git, head, sha))) lost.push({ sha, subject });
  return lost;
}

/** Commits among these and their ancestors that nothing of `not` has, each with its parents. */
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
  // Somebody else's branch may be broken.
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

/** Those that are the parent of no other. */
function tipsOf(commits: ReadonlyMap<string, readonly string[]>): string[] {
  const parents = new Set([...commits.values()].flat());
  return [...commits.keys()].filter((sha) => !parents.has(sha));
}

const subjectOf = (git: Git, sha: string): Promise<string> =>
  git.run(['log', '-1', '--no-show-signature', '--encoding=UTF-8', '--format=%s', sha, '--']);

/** Names of loose objects that were written since then. */
function looseObjects(commonDir: string, since: number): string[] {
  const objects = join(commonDir, 'objects');
  const names: string[] = [];
  for (const folder of readdirSync(objects).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
    for (const name of readdirSync(join(objects, folder))) {
      const stat = statSync(join(objects, folder, name), { throwIfNoEntry: false });
      // A file system may know whole seconds alone.
      if (stat === undefined || stat.mtimeMs < Math.floor(since / 1000) * 1000) continue;
      if (/^[0-9a-f]{38,62}$/.test(name)) names.push(folder + name);
      if (names.length >= MAX_OBJECTS) return names;
    }
  }
  return names;
}

/** In words, for a caveat. */
export function lostText(lost: readonly LostCommit[], repo: string): string {
  const named = lost.slice(0, 5).map(({ sha, subject }) => `${sha.slice(0, 10)} "${subject}"`);
  const more = lost.length > 5 ? ` and ${lost.length - 5} more` : '';
  const are = lost.length === 1 ? 'a commit that it made is' : 'commits that it made are';
  return `${are} on no branch: ${named.join(', ')}${more} (git -C ${repo} branch NAME ${lost[0]?.sha.slice(0, 10)} brings it back)`;
}
