/**
 * Checks out the submodules of a new worktree. `git submodule update --init` would write their URLs into the
 * configuration that all worktrees of the user's repository share; here each call gets the URLs as options, and
 * nothing shared is written.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SubagentsError } from '../../contract/index.ts';
import { NO_QUESTIONS } from '../remote.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';
import { certainlyHasNoLinks } from './submodule-tree.ts';
import { firstUsefulLine, type GitAnswer } from '../run.ts';

/** Time limit for fetching one submodule, in milliseconds. */
const FETCH_TIMEOUT_MS = 10 * 60_000;
/** Maximum depth of nested submodules. */
export const MAX_DEPTH = 6;

interface Submodule {
  readonly name: string;
  readonly path: string;
  readonly url: string;
}

/**
 * Checks out every submodule of the worktree's commit, including nested ones. A submodule that the caller's
 * checkout has is copied from there without network; others are fetched from their URL.
 * @param checkout the caller's checkout.
 * @returns notes on submodules that stay empty, with the reason; never those that the caller's checkout has.
 * @throws SubagentsError GIT when a submodule that the caller's checkout has cannot be checked out
 */
export async function addSubmodules(git: Git, checkout: string | undefined, depth = 1): Promise<string[]> {
  if (!existsSync(join(git.cwd, '.gitmodules')) || depth > MAX_DEPTH) return [];
  const notes: string[] = [];
  for (const submodule of await submodulesOf(git)) {
    const { path } = submodule;
    const source = checkout === undefined ? undefined : localCopy(checkout, submodule);
    const url = await realUrl(submodule, git.in(source ?? checkout ?? git.cwd), source !== undefined);
    const copied = source !== undefined && (await fromCopy(git, submodule, { source, url }));
    const failure = copied ? undefined : await fromUrl(git, submodule, url);
    if (failure === undefined) {
      const below = source === undefined ? undefined : join(checkout ?? '', path);
      notes.push(...(await addSubmodules(git.in(join(git.cwd, path)), below, depth + 1)));
      continue;
    }
    if (source !== undefined) {
      throw new SubagentsError('GIT', `the submodule ${path} could not be checked out: ${failure}`, {
        remedy: `Run "git submodule update --init --recursive" in ${checkout}, and spawn again.`,
      });
    }
    notes.push(
      `the submodule ${path} is empty: it could not be fetched from ${url} (${failure}). ` +
        'If your checkout has it ("git submodule update --init" there), the worktree gets it from there',
    );
  }
  return notes;
}

/** Returns the submodules that both .gitmodules and the commit have, except those with `update = none`. */
async function submodulesOf(git: Git): Promise<Submodule[]> {
  const args = ['config', '--blob', 'HEAD:.gitmodules', '-z', '--get-regexp', '^submodule\\.'];
  const { stdout } = await git.try(args);
  const found = new Map<string, Map<string, string>>();
  for (const item of stdout.split('\0')) {
    const [, name, key] = /^submodule\.([^]*)\.([^.\n]*)\n/.exec(item) ?? [];
    if (name === undefined || key === undefined) continue;
    const values = found.get(name) ?? new Map<string, string>();
    found.set(name, values.set(key, item.slice(item.indexOf('\n') + 1)));
  }
  const named = [...found].flatMap(([name, values]) => {
    const path = values.get('path');
    const url = values.get('url');
    const legal = !name.split('/').includes('..') && path !== undefined && url !== undefined;
    return legal && values.get('update') !== 'none' ? [{ name, path, url }] : [];
  });
  if (named.length === 0) return [];
  const paths = named.map(({ path }) => path);
  const links = new Set(await gitlinks(git, paths));
  return named.filter(({ path }) => links.has(path));
}

/**
 * Returns the paths where the index refers to a commit of another repository, whether .gitmodules declares it or
 * not.
 * @param paths limits the search; default: all paths.
 * @throws SubagentsError GIT
 */
export async function gitlinks(git: Git, paths: readonly string[] = []): Promise<string[]> {
  if (certainlyHasNoLinks(git.cwd)) return [];
  const args = ['--literal-pathspecs', 'ls-files', '--stage', '-z', '--', ...paths];
  return (await git.run(args))
    .split('\0')
    .filter((line) => line.startsWith('160000 '))
    .map((line) => line.slice(line.indexOf('\t') + 1));
}

/** Returns the git folder of the submodule in the caller's checkout, if it is checked out there. */
function localCopy(checkout: string, { name, path }: Submodule): string | undefined {
  if (!existsSync(join(checkout, path, '.git'))) return undefined;
  const { gitDir, commonDir } = gitDirs(checkout);
  const kept = [gitDir, commonDir].map((folder) => join(folder, 'modules', name));
  return [...kept, join(checkout, path, '.git')].find((folder) => existsSync(join(folder, 'HEAD')));
}

/** Returns the URL of the submodule's remote. */
async function realUrl({ name, url }: Submodule, git: Git, isCopy: boolean): Promise<string> {
  const key = isCopy ? 'remote.origin.url' : `submodule.${name}.url`;
  const configured = await git.try(['config', key]);
  if (configured.exitCode === 0) return configured.stdout;
  if (!/^\.\.?\//.test(url)) return url;
  const remote = await git.try(['config', 'remote.origin.url']);
  return relativeUrl(remote.exitCode === 0 ? remote.stdout : git.cwd, url);
}

/** Resolves a relative URL as git-submodule(1) describes: `../` removes the last part of the remote's URL. */
function relativeUrl(remote: string, url: string): string {
  let base = remote.replace(/\/+$/, '');
  let rest = url;
  for (;;) {
    if (rest.startsWith('./')) rest = rest.slice(2);
    else if (rest.startsWith('../')) {
      rest = rest.slice(3);
      base = base.replace(/[/:][^/:]*$/, '');
    } else break;
  }
  return `${base}/${rest}`;
}

/** Checks the submodule out from the caller's copy and sets its real remote URL; false when that fails. */
async function fromCopy(
  git: Git,
  submodule: Submodule,
  { source, url }: { source: string; url: string },
): Promise<boolean> {
  // A local path is allowed here because we chose it; never for a URL that a repository names.
  const configuration = { 'protocol.file.allow': 'always' };
  const answer = await update(git, submodule, source, configuration);
  if (answer.exitCode !== 0) return false;
  await git.in(join(git.cwd, submodule.path)).run(['config', 'remote.origin.url', url]);
  return true;
}

/** Fetches the submodule from its URL; returns the reason when that fails. */
async function fromUrl(git: Git, submodule: Submodule, url: string): Promise<string | undefined> {
  try {
    const fetching = git.with({ timeoutMs: FETCH_TIMEOUT_MS, secrets: true });
    const answer = await update(fetching, submodule, url, {});
    if (answer.exitCode === 0) return undefined;
    return (
      firstUsefulLine(answer.stderr.replace(/^Cloning into .*\n/gm, '')) ?? `exit code ${answer.exitCode}`
    );
  } catch (error) {
    git.signal?.throwIfAborted();
    return error instanceof Error ? error.message : String(error);
  }
}

function update(
  git: Git,
  { name, path }: Submodule,
  url: string,
  configuration: Readonly<Record<string, string>>,
): Promise<GitAnswer> {
  const values = Object.entries({
    ...configuration,
    [`submodule.${name}.url`]: url,
    [`submodule.${name}.active`]: 'true',
  });
  const env = Object.fromEntries(
    values.flatMap(([key, value], index) => [
      [`GIT_CONFIG_KEY_${index}`, key],
      [`GIT_CONFIG_VALUE_${index}`, value],
    ]),
  );
  return git.try(['--literal-pathspecs', 'submodule', '--quiet', 'update', '--checkout', '--', path], {
    env: { ...NO_QUESTIONS, ...env, GIT_CONFIG_COUNT: String(values.length) },
  });
}
