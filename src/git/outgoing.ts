/** What of a checkout has to be sent so that a clone elsewhere has a commit, and what cannot be sent. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readRepositoryUrl, SubagentsError } from '../contract/index.ts';
import { readIfThere } from '../system/files.ts';
import { gitDirs } from './git-dirs.ts';
import type { Git } from './git.ts';
import { remoteTips } from './remote.ts';
import { namedInAttributes } from './trust/needed-filters.ts';
import { includedFiles } from './worktrees/include.ts';

/** The commits to send. */
export interface Outgoing {
  /** The URL of the repository that has all but these; undefined: everything is sent. */
  readonly url: string | undefined;
  /** Commits that are not sent, with all that they need: the URL has them now. */
  readonly without: readonly string[];
  /** How many commits are sent; 0: the URL has everything. */
  readonly count: number;
}

const MAX_NAMED = 5;
/** What a file in Git LFS begins with in a commit, and how large that is. */
const LFS_POINTER = 'version https://git-lfs.github.com/spec/v1\n';
const MAX_POINTER_BYTES = 300;

/**
 * What to send of the checkout for `commit`. Asks its remote what it has now: the remote-tracking branches may be old.
 * @param options.complete sends everything, whatever the remote has
 * @throws SubagentsError BAD_INPUT that names what cannot be sent; GIT
 */
export async function outgoingOf(git: Git, commit: string, { complete = false } = {}): Promise<Outgoing> {
  const remote = complete ? undefined : await knownToRemote(git);
  const without = remote?.tips ?? [];
  const range = { input: `${[commit, ...without.map((each) => `^${each}`)].join('\n')}\n` };
  const count = Number(await git.run(['rev-list', '--count', '--stdin'], range));
  const outgoing: Outgoing = { url: remote?.url, without, count };
  await requireHistory(git, outgoing, range);
  await requireSubmodules(git, commit, outgoing);
  await requireLfs(git, commit, outgoing, range);
  const included = await includedFiles(git, commit);
  if (included.length > 0)
    throw cannotSend(
      `.worktreeinclude names files that git ignores (${named(included)}), and these do not leave this machine`,
      'Give the worker what it needs by its own environment and --setup, or take them out of .worktreeinclude.',
    );
  return outgoing;
}

/** The remote's URL with the commits there that are here, too; undefined without a remote that can be read by URL. */
async function knownToRemote(git: Git): Promise<{ url: string; tips: string[] } | undefined> {
  const names = (await git.run(['remote'])).split('\n').filter(Boolean);
  const name = names.includes('origin') ? 'origin' : names.length === 1 ? names[0] : undefined;
  if (name === undefined) return undefined;
  const { stdout } = await git.try(['remote', 'get-url', name]);
  const url = networkUrl(stdout);
  const there = url === undefined ? undefined : await remoteTips(url, git);
  if (url === undefined || there === undefined || there.length === 0) return undefined;
  const input = `${there.map((id) => `${id}^{commit}`).join('\n')}\n`;
  const known = await git.run(['cat-file', '--batch-check=%(objecttype) %(objectname)'], {
    input,
    // A partial clone would fetch what it is asked for.
    env: { GIT_NO_LAZY_FETCH: '1' },
  });
  const tips = known.split('\n').flatMap((line) => /^commit ([0-9a-f]+)$/.exec(line)?.[1] ?? []);
  return tips.length === 0 ? undefined : { url, tips: [...new Set(tips)] };
}

/** The URL without secrets if another machine may be able to read it. */
function networkUrl(text: string): string | undefined {
  try {
    const url = readRepositoryUrl(text.trim())?.url;
    return url === undefined || url.startsWith('file:') ? undefined : url;
  } catch {
    return undefined;
  }
}

/** @throws SubagentsError BAD_INPUT where the history ends among the commits that would be sent */
async function requireHistory(git: Git, { url, count }: Outgoing, range: { input: string }): Promise<void> {
  const shallow = readIfThere(join(gitDirs(git.cwd).commonDir, 'shallow'));
  if (shallow !== undefined && count > 0) {
    const ends = new Set(shallow.split('\n').filter(Boolean));
    const sent = (await git.run(['rev-list', '--stdin'], range)).split('\n');
    if (sent.some((id) => ends.has(id)))
      throw cannotSend(
        `${git.cwd} is a shallow clone, and its remote does not have what it begins with`,
        'Fetch the rest first: git fetch --unshallow',
      );
  }
  const partial = await git.try([
    'config',
    '--get-regexp',
    '^(extensions\\.partialclone|remote\\..*\\.promisor)$',
  ]);
  if (partial.exitCode === 0 && url === undefined)
    throw cannotSend(
      `${git.cwd} is a partial clone, which lacks objects, and its remote cannot be read by URL`,
      'Make its remote readable, or use a whole clone.',
    );
}

/** @throws SubagentsError BAD_INPUT for submodules whose commits only this machine has */
async function requireSubmodules(git: Git, commit: string, { url }: Outgoing): Promise<void> {
  if ((await git.try(['cat-file', '-e', `${commit}:.gitmodules`])).exitCode !== 0) return;
  const links = (await git.run(['ls-tree', '-r', '-z', commit])).split('\0').flatMap((line) => {
    const [, id = '', path = ''] = /^160000 commit ([0-9a-f]+)\t([^]*)$/.exec(line) ?? [];
    return path === '' ? [] : [{ id, path }];
  });
  if (links.length === 0) return;
  if (url === undefined)
    throw cannotSend(
      `it has submodules (${named(links.map(({ path }) => path))}), and no remote from whose URL theirs follow`,
      'Add a remote that workers can read, or run it on this host without --pool.',
    );
  for (const { id, path } of links) {
    const here = join(git.cwd, path);
    if (!existsSync(join(here, '.git'))) continue;
    const unpushed = await git.in(here).try(['rev-list', '-1', id, '--not', '--remotes']);
    if (unpushed.exitCode === 0 && unpushed.stdout === '') continue;
    throw cannotSend(
      `the submodule ${path} is at ${id.slice(0, 10)}, which is on none of its remote branches`,
      `Push it first: git -C ${here} push`,
    );
  }
}

/** @throws SubagentsError BAD_INPUT for files in Git LFS that only this machine has */
async function requireLfs(
  git: Git,
  commit: string,
  { url, count }: Outgoing,
  range: { input: string },
): Promise<void> {
  if (!(await namedInAttributes(git, commit, 'filter')).has('lfs')) return;
  if (url === undefined)
    throw cannotSend(
      'it has files in Git LFS, whose contents are in no commit, and no remote that can be read by URL',
      'Add a remote that workers can read, or run it on this host without --pool.',
    );
  if (count === 0 || !(await hasPointers(git, range))) return;
  throw cannotSend(
    'commits that its remote does not have change files in Git LFS, whose contents are in no commit',
    'Push them first: git push',
  );
}

async function hasPointers(git: Git, range: { input: string }): Promise<boolean> {
  const objects = (await git.run(['rev-list', '--objects', '--stdin'], range))
    .split('\n')
    .map((line) => line.split(' ', 1)[0]);
  const checked = await git.run(['cat-file', '--batch-check=%(objecttype) %(objectsize) %(objectname)'], {
    input: `${objects.join('\n')}\n`,
  });
  const small = checked.split('\n').flatMap((line) => {
    const [type, size, id = ''] = line.split(' ');
    return type === 'blob' && Number(size) <= MAX_POINTER_BYTES ? [id] : [];
  });
  if (small.length === 0) return false;
  return (await git.run(['cat-file', '--batch'], { input: `${small.join('\n')}\n` })).includes(LFS_POINTER);
}

function cannotSend(what: string, remedy: string): SubagentsError {
  return new SubagentsError('BAD_INPUT', `the checkout cannot be sent to a pool: ${what}`, { remedy });
}

function named(paths: readonly string[]): string {
  const more = paths.length > MAX_NAMED ? ` and ${paths.length - MAX_NAMED} more` : '';
  return paths.slice(0, MAX_NAMED).join(', ') + more;
}
