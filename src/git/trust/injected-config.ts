/**
 * Programs that a repository's configuration names. Those that were configured before a subagent began (Git LFS and the
 * like) run for our calls as for anybody's; those that appeared while it worked run for none of ours.
 */
import { z } from 'zod';
import { localConfiguration } from './configuration.ts';
import { checkedOutSubmodules } from '../worktrees/submodule-tree.ts';

/**
 * Configuration by which git runs a program for calls like ours, with what keeps it from doing so. (Hooks, fsmonitor,
 * external diffs and text conversions are off in every call, whoever configured them.)
 */
const PROGRAMS: readonly (readonly [RegExp, string])[] = [
  [/^filter\..*\.(clean|smudge|process)$/, ''],
  [/^filter\..*\.required$/, 'false'],
  // An empty one would take our side of every conflict.
  [/^merge\..*\.driver$/, 'false'],
  [/^core\.(sshcommand|gitproxy|alternaterefscommand|askpass)$/, ''],
  [/^credential\.(.*\.)?helper$/, ''],
  [/^remote\..*\.promisor$/, 'false'],
  [/^remote\..*\.(uploadpack|receivepack|vcs)$/, ''],
  [/^gpg\.(openpgp\.)?program$/, 'gpg'],
  [/^gpg\.ssh\.program$/, 'ssh-keygen'],
  [/^gpg\.x509\.program$/, 'gpgsm'],
  [/^gpg\.ssh\.defaultkeycommand$/, ''],
];

/**
 * What was configured meanwhile, by key (where that is in a submodule, after a line that names it): its value, and the one to
 * put in its place.
 */
export const injectedConfig = z.record(z.string(), z.object({ value: z.string(), instead: z.string() }));
export type InjectedConfig = z.infer<typeof injectedConfig>;

/**
 * The programs that the configuration of the checkout `cwd` names, and those of its submodules: git looks into each of them.
 * @throws SubagentsError GIT
 */
export async function readPrograms(cwd: string): Promise<Record<string, string>> {
  const [own, below] = await Promise.all([localConfiguration(cwd), submodulePrograms(cwd)]);
  return { ...programsIn(own), ...below };
}

/** The programs of the submodules that are checked out in `cwd`, and of those within them. @throws SubagentsError GIT */
export async function submodulePrograms(cwd: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { path, configuration } of await checkedOutSubmodules(cwd))
    for (const [key, value] of Object.entries(programsIn(configuration)))
      found[`submodule ${path}\n${key}`] = value;
  return found;
}

/** The key by itself: no key has a newline in it. */
const keyOf = (name: string): string => name.slice(name.lastIndexOf('\n') + 1);

/** Names of programs, for people. */
export const programNames = (found: InjectedConfig): string[] =>
  Object.keys(found).map((name) => {
    const [submodule] = name.split(`\n${keyOf(name)}`);
    return submodule === name ? name : `${keyOf(name)} (${submodule})`;
  });

/** The programs of a configuration, as they stand there. */
export function programsIn(configuration: ReadonlyMap<string, readonly string[]>): Record<string, string> {
  return Object.fromEntries(
    [...configuration]
      .filter(([key]) => PROGRAMS.some(([pattern]) => pattern.test(key)))
      .map(([key, values]) => [key, values.at(-1) ?? '']),
  );
}

/** What the configuration of the checkout `cwd` has beyond the programs there were `before`. @throws SubagentsError GIT */
export async function injectedSince(
  cwd: string,
  before: Readonly<Record<string, string>>,
): Promise<InjectedConfig> {
  return injectedBetween(before, await readPrograms(cwd));
}

/** What there is `now` beyond the programs that there were `before`. */
export function injectedBetween(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): InjectedConfig {
  return Object.fromEntries(
    Object.entries(now)
      .filter(([key, value]) => before[key] !== value)
      // A setting of a call counts in the checkout and in all submodules: what the checkout had comes first.
      .map(([name, value]) => {
        const key = keyOf(name);
        return [name, { value, instead: before[key] ?? before[name] ?? harmless(key) }];
      }),
  );
}

/** Of `known`, what is configured `now`; what somebody has set to something else since is theirs. */
export function stillInjected(known: InjectedConfig, now: Readonly<Record<string, string>>): InjectedConfig {
  return Object.fromEntries(Object.entries(known).filter(([key, { value }]) => now[key] === value));
}

/** Settings for git calls by which nothing of it runs. */
export function settingsAgainst(found: InjectedConfig): string[] {
  // Of several of one key the last counts: that of the checkout itself.
  const own = ([name]: [string, unknown]): number => (keyOf(name) === name ? 1 : 0);
  return Object.entries(found)
    .sort((a, b) => own(a) - own(b))
    .map(([name, { instead }]) => `${keyOf(name)}=${instead}`);
}

const harmless = (key: string): string => PROGRAMS.find(([pattern]) => pattern.test(key))?.[1] ?? '';
