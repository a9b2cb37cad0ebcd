/**
 * Filters that the attributes of a commit require but only the repository itself configures: they do not run in our
 * calls.
 */
import { SubagentsError } from '../../contract/index.ts';
import { readIfThere } from '../../system/files.ts';
import { shellQuoted } from '../../system/shell-quote.ts';
import type { Git } from '../git.ts';
import { attributesOf, userAttributes } from './content-settings.ts';
import { gitDirs } from '../git-dirs.ts';
import { withoutGlobal } from './local-programs.ts';

const FILTER = /^filter\.(.*)\.(clean|smudge|process|required)$/;

/**
 * Checks that no filter named by the attributes of `commit` is configured only in the repository. Without such a
 * filter, checked-out files would differ from the user's, and files that it encrypts would be committed in plain
 * text.
 * @throws SubagentsError LOCAL_FILTER, GIT
 */
export async function requireFilters(git: Git, commit: string): Promise<void> {
  const settings = await withoutGlobal(git.cwd, FILTER);
  if (settings.size === 0) return;
  const named = await namedInAttributes(git, commit, 'filter');
  const driver = [...settings]
    .filter(([key, value]) => value !== '' && !key.endsWith('.required'))
    .map(([key]) => driverOf(key))
    .find((each) => named.has(each));
  if (driver === undefined) return;
  const own = [...settings].filter(([key]) => driverOf(key) === driver);
  throw new SubagentsError(
    'LOCAL_FILTER',
    `files go through the filter ${driver}, which only ${git.cwd} itself configures: subagents does not run programs that a repository configures`,
    {
      remedy: `If the filter is yours, configure it for all repositories: ${driver === 'lfs' ? 'git lfs install' : own.map(globally).join(' && ')}. If you trust all programs that this repository configures: --trust-repo (trustRepo).`,
    },
  );
}

/**
 * Returns the drivers that attributes name for `attribute`: those of `commit`, and those that apply to every commit
 * of the checkout.
 */
export async function namedInAttributes(
  git: Git,
  commit: string,
  attribute: 'filter' | 'merge',
): Promise<Set<string>> {
  const form = ['-h', '-a', '-F', '--no-textconv', '--no-color', '--no-line-number', '--no-column'];
  const args = ['grep', ...form, '-e', `${attribute}=`, commit, '--', ':(top,glob)**/.gitattributes'];
  const answer = await git.try(args);
  // Exit code 1: no match.
  const ofCommit = answer.exitCode > 1 ? await git.run(args) : answer.stdout;
  const others = [attributesOf(gitDirs(git.cwd).commonDir), readIfThere(await userAttributes(git))];
  const words = [ofCommit, ...others].join('\n').split(/\s+/);
  const prefix = `${attribute}=`;
  return new Set(words.flatMap((word) => (word.startsWith(prefix) ? word.slice(prefix.length) : [])));
}

const driverOf = (key: string): string => FILTER.exec(key)?.[1] ?? '';

const globally = ([key, value]: [string, string]): string =>
  `git config --global ${quoted(key)} ${quoted(value)}`;
const quoted = (text: string): string => (/^[\w.-]+$/.test(text) ? text : shellQuoted(text));
