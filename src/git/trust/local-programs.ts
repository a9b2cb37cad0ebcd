/**
 * Prevents programs named by a repository's own configuration from running in our git calls. Programs configured
 * for all repositories, by the user or on the machine, run in their place if there are any.
 */
import { SubagentsError } from '../../contract/index.ts';
import type { GitSetting } from '../../environment/unattended.ts';
import { checkedOutSubmodules } from '../worktrees/submodule-tree.ts';
import { findGitDirs } from '../git-dirs.ts';
import { NOT_UTF8 } from '../../system/files.ts';
import { readConfiguration, readLocalConfiguration, type ConfigValues } from './configuration.ts';

/**
 * Settings that make git run a program in calls like ours, each with a value that runs none. (Hooks, fsmonitor,
 * external diffs and text conversions are disabled in every call, whoever configured them.)
 */
const PROGRAMS: readonly (readonly [RegExp, string])[] = [
  [/^filter\..*\.(clean|smudge|process)$/, ''],
  [/^filter\..*\.required$/, 'false'],
  // An empty driver would resolve every conflict with our side.
  [/^merge\..*\.driver$/, 'false'],
  [/^core\.sshcommand$/, 'ssh'],
  [/^core\.(gitproxy|alternaterefscommand|askpass)$/, ''],
  [/^credential\.(.*\.)?helper$/, ''],
  [/^remote\..*\.uploadpack$/, 'git-upload-pack'],
  [/^remote\..*\.receivepack$/, 'git-receive-pack'],
  [/^remote\..*\.vcs$/, ''],
  [/^gpg\.(openpgp\.)?program$/, 'gpg'],
  [/^gpg\.ssh\.program$/, 'ssh-keygen'],
  [/^gpg\.x509\.program$/, 'gpgsm'],
  [/^gpg\.ssh\.defaultkeycommand$/, ''],
];
const CREDENTIAL_HELPER = /^credential\.(.*\.)?helper$/;

/** Settings and variables for a git call that keep the repository's programs from running. */
export interface Guard {
  readonly config: readonly GitSetting[];
  readonly env: Readonly<Record<string, string>>;
}
const NOTHING: Guard = { config: [], env: {} };

/**
 * Returns the guard against programs that the configuration of `cwd` or of its submodules names.
 * @throws SubagentsError GIT when such a setting's name is not UTF-8, so that nothing can override it.
 */
export async function guardOf(cwd: string): Promise<Guard> {
  const local = await readLocalConfiguration(cwd);
  if (local.size === 0) return NOTHING;
  const submodules = findGitDirs(cwd)?.isCheckout === false ? [] : await checkedOutSubmodules(cwd);
  const all = [local, ...submodules.map(({ configuration }) => configuration)];
  const keys = new Set(all.flatMap((settings) => [...settings.keys()].filter(isProgram)));
  if (keys.size === 0) return NOTHING;
  const unnamed = [...keys].find((key) => key.includes(NOT_UTF8));
  if (unnamed !== undefined) throw notOverridable(cwd, unnamed);
  return guardAgainst(keys, (await readConfiguration(cwd)).global);
}

const notOverridable = (cwd: string, key: string): SubagentsError =>
  new SubagentsError(
    'GIT',
    `the configuration of ${cwd} names a program in a setting whose name is not UTF-8 (${key}), so git was not run there`,
    { remedy: `Remove or rename the setting: git -C ${cwd} config --local --edit` },
  );

function guardAgainst(keys: ReadonlySet<string>, global: ConfigValues): Guard {
  const config = [...keys]
    .filter((key) => !CREDENTIAL_HELPER.test(key))
    .map((key): GitSetting => [key, global.get(key)?.at(-1) ?? harmless(key)]);
  if ([...keys].some((key) => CREDENTIAL_HELPER.test(key))) {
    // Credential helpers accumulate; an empty value clears the earlier ones.
    config.push(['credential.helper', '']);
    for (const [key, values] of global)
      if (CREDENTIAL_HELPER.test(key)) for (const value of values) config.push([key, value]);
  }
  // The first matching core.gitProxy applies, not the last, so it cannot be overridden by a setting; the variable
  // has precedence.
  return { config, env: keys.has('core.gitproxy') ? { GIT_PROXY_COMMAND: '' } : {} };
}

/** Whether git runs the value of this key as a program. */
const isProgram = (key: string): boolean => PROGRAMS.some(([pattern]) => pattern.test(key));
const harmless = (key: string): string => PROGRAMS.find(([pattern]) => pattern.test(key))?.[1] ?? '';

/**
 * Returns the programs of the checkout that do not run in our calls and have no global replacement: keys and
 * values.
 * @param pattern which keys.
 */
export async function withoutGlobal(cwd: string, pattern: RegExp): Promise<Map<string, string>> {
  const { local, global } = await readConfiguration(cwd);
  return new Map(
    [...local]
      .filter(([key]) => isProgram(key) && pattern.test(key) && !global.has(key))
      .map(([key, values]) => [key, values.at(-1) ?? '']),
  );
}
