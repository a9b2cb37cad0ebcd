/**
 * The private repository of a sandboxed subagent. It borrows the objects of the caller's repository, which its sandbox may
 * only read; configuration, hooks, refs and new objects are its own (docs/decisions/0023-a-clone-for-a-sandbox-a-worktree-for-all-others.md).
 */
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { appendFile, copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { withoutCredentials } from '../../contract/index.ts';
import { readIfThere, statIfThere } from '../../system/files.ts';
import { shellQuoted } from '../../system/shell-quote.ts';
import { createBranch } from '../branches/branch.ts';
import { isAncestor } from '../repository.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';
import { configured } from '../trust/configuration.ts';
import { configurationText } from '../trust/configuration-text.ts';
import { FALLBACK_IDENTITY } from '../trust/identity.ts';
import { readSparse } from './sparse.ts';
import { checkedOutIn } from './worktree.ts';

/** Settings of the caller's repository that decide what a checkout looks like, and where its remotes are. */
const CARRIED =
  /^(core\.(autocrlf|eol|safecrlf|filemode|ignorecase|symlinks|precomposeunicode|quotepath|abbrev)|i18n\..*|remote\..*\.(url|pushurl|fetch|promisor|partialclonefilter)|branch\..*\.(remote|merge|rebase)|extensions\.partialclone)$/;
/** Settings of the user for all repositories that a sandbox has no other way to know. */
const CARRIED_GLOBAL =
  /^(core\.(autocrlf|eol|safecrlf|symlinks|precomposeunicode|quotepath)|init\.defaultbranch|filter\..*\.(clean|smudge|process|required)|(merge|diff|pull|rebase|rerere|fetch|push|commit)\.[a-z]+)$/;
/** Of those, the ones that name a program or a file of the user, or ask for a signature. */
const NOT_CARRIED = /^(diff\.(external|orderfile)|merge\.tool|diff\.tool|commit\.(gpgsign|template))$/;
/** How deep alternates of alternates are followed, as in git. */
const MAX_DEPTH = 5;
/** Files below `info/` that change what git does with a checkout. */
const INFO = ['exclude', 'attributes'];

/** The ref that keeps, in the caller's repository, the commit that a private repository starts from. */
const sandboxRef = (folder: string): string =>
  `refs/subagents/sandboxes/${basename(dirname(folder))}/${basename(folder)}`;

/**
 * Makes the private repository at `path`, which must not exist, with `commit` and the tags that lead there.
 * @param user the caller's repository, read with the environment in which commits are made
 * @throws SubagentsError GIT, DISK_FULL
 */
export async function makePrivateRepository(user: Git, path: string, commit: string): Promise<void> {
  const { commonDir } = gitDirs(user.cwd);
  // Kept first: from now on the caller may delete branches and have git remove what no ref keeps.
  await user.run(['update-ref', '--no-deref', sandboxRef(path), commit]);
  const format = await user.run(['rev-parse', '--show-object-format']);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  mkdirSync(path, { mode: 0o700 });
  const own = user.in(path);
  await own.run(['init', '--quiet', '--template=', `--object-format=${format}`, '--initial-branch=none']);
  const gitDir = join(path, '.git');
  await mkdir(join(gitDir, 'info'), { recursive: true });
  await mkdir(join(gitDir, 'objects', 'info'), { recursive: true });
  await writeFile(join(gitDir, 'objects', 'info', 'alternates'), `${join(commonDir, 'objects')}\n`);
  for (const name of INFO) {
    const from = join(commonDir, 'info', name);
    if (statIfThere(from)?.isFile()) await copyFile(from, join(gitDir, 'info', name));
  }
  const shallow = join(commonDir, 'shallow');
  if (existsSync(shallow)) await copyFile(shallow, join(gitDir, 'shallow'));
  const settings = [...(await carriedSettings(user)), ...(await carriedSparse(user, gitDir))];
  await appendFile(join(gitDir, 'config'), configurationText(settings));
  await carryTags(user, own, commit);
}

type GitSettings = readonly (readonly [key: string, value: string])[];

async function carriedSettings(user: Git): Promise<GitSettings> {
  const known = await user.configuration();
  const identity = Object.entries(FALLBACK_IDENTITY).map(([name, fallback]) => {
    // Whatever the caller's configuration says for this repository alone, includes by folder among it.
    const own = configured(known, `user.${name}`);
    return [`user.${name}`, own || fallback] as const;
  });
  return [
    ...(known.local.has('extensions.partialclone') ? [['core.repositoryformatversion', '1'] as const] : []),
    ...[...known.local]
      .filter(([key]) => CARRIED.test(key))
      .flatMap(([key, values]) => values.map((value) => [key, withoutCredentials(value)] as const)),
    ...identity,
  ];
}

async function carriedSparse(user: Git, gitDir: string): Promise<GitSettings> {
  const sparse = await readSparse(user);
  if (sparse === null) return [];
  await writeFile(join(gitDir, 'info', 'sparse-checkout'), sparse.patterns);
  return [
    ['core.sparseCheckout', 'true'],
    ['core.sparseCheckoutCone', String(sparse.cone)],
  ];
}

/** Tags of ancestors of `commit`: their commits stay as long as it does. */
async function carryTags(user: Git, own: Git, commit: string): Promise<void> {
  const list = [
    'for-each-ref',
    `--merged=${commit}`,
    '--format=create %(refname) %(objectname)',
    'refs/tags',
  ];
  const { exitCode, stdout } = await user.try(list);
  if (exitCode === 0 && stdout !== '') await own.run(['update-ref', '--stdin'], { input: `${stdout}\n` });
}

/** Removes the private repository at `path`, and the ref that kept its objects where the caller's is still there. */
export async function removePrivateRepository(path: string, user: Git): Promise<void> {
  await rm(dirname(path), { recursive: true, force: true });
  if (!existsSync(user.cwd)) return;
  for (const ref of [sandboxRef(path), `${sandboxRef(path)}-tip`])
    await user.try(['update-ref', '--no-deref', '-d', ref]);
}

/** Returns the object folders that the repository at `root` reads, its own first. */
export function objectFolders(root: string): string[] {
  const found: string[] = [];
  const follow = (folder: string, depth: number): void => {
    if (depth > MAX_DEPTH || found.includes(folder) || !existsSync(folder)) return;
    found.push(folder);
    for (const line of (readIfThere(join(folder, 'info', 'alternates')) ?? '').split('\n')) {
      if (line === '' || line.startsWith('#')) continue;
      const path = isAbsolute(line) ? line : resolve(folder, line);
      if (existsSync(path)) follow(realpathSync(path), depth + 1);
    }
  };
  follow(join(gitDirs(root).commonDir, 'objects'), 0);
  return found;
}

/** Text for the global configuration of git inside a sandbox: the user's settings that decide what a checkout has. */
export async function innerGitConfig(user: Git): Promise<string> {
  const { global } = await user.configuration();
  return configurationText(
    [...global]
      .filter(([key]) => CARRIED_GLOBAL.test(key) && !NOT_CARRIED.test(key))
      .flatMap(([key, values]) => values.map((value) => [key, value] as const)),
  );
}

/**
 * Brings `branch` of the private repository `own` into the caller's repository `user`. The private repository is read by a
 * git behind its walls. Commits that others put on the caller's branch meanwhile get a branch of their own.
 * @returns notes, for example that the branch could not be moved because it is checked out
 * @throws SubagentsError GIT, DISK_FULL
 */
export async function publishBranch(own: Git, user: Git, branch: string): Promise<string[]> {
  const ref = `refs/heads/${branch}`;
  const copy = `${sandboxRef(own.cwd)}-tip`;
  const at = async (name: string): Promise<string> =>
    (await user.try(['rev-parse', '--verify', '--quiet', '--end-of-options', name])).stdout;
  const [before, published] = await Promise.all([at(ref), at(copy)]);
  await user.run([
    ...['-c', 'fetch.fsckObjects=true', '-c', 'protocol.file.allow=always'],
    ...['fetch', '--quiet', '--no-tags', '--no-recurse-submodules', '--no-write-fetch-head', '--no-auto-gc'],
    ...[`--upload-pack=${await uploadPack(own)}`, '--', own.cwd, `+${ref}:${copy}`],
  ]);
  const tip = await at(copy);
  if (before === tip) return [];
  const [folder] = await checkedOutIn(user, branch);
  if (folder !== undefined)
    return [`${branch} is checked out in ${folder}, and was left as it is: git -C ${folder} merge ${tip}`];
  const notes: string[] = [];
  if (before !== '' && before !== published && !(await isAncestor(user, before, tip))) {
    const stem = `${branch.replace(/^subagents\//, '')}-others`;
    const kept = await createBranch(user, { stem, commit: before, mark: 'subagents: kept' });
    notes.push(`${branch} had commits of others in ${user.cwd}: they are on ${kept}`);
  }
  const args = ['update-ref', '--no-deref', '--create-reflog', '-m', 'subagents: collected', ref, tip];
  await user.run([...args, before]);
  return notes;
}

/** The shell command by which a fetch reads the private repository: its branches, and nothing else. */
async function uploadPack(own: Git): Promise<string> {
  const hidden = ['refs/remotes', 'refs/tags', 'refs/subagents'].flatMap((prefix) => [
    '-c',
    `transfer.hideRefs=${prefix}`,
  ]);
  const { file, args, env } = await own.program([...hidden, 'upload-pack']);
  // The fetch has the environment of the caller's repository; without this one, a file of the subagent would be read.
  const variables = Object.entries(env).filter(([name]) => name.startsWith('GIT_CONFIG_'));
  const set = variables.map(([name, value]) => `${name}=${value ?? ''}`);
  return ['env', ...set, file, ...args].map(shellQuoted).join(' ');
}
