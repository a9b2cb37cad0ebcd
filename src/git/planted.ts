/**
 * Programs that a repository's configuration names. Those that were configured before a subagent began (Git LFS and the
 * like) run for our calls as for anybody's; those that appeared while it worked run for none of ours.
 */
import { z } from 'zod';
import { tryGit } from './run.ts';

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

/** What was configured meanwhile, by key: its value, and the one to put in its place. */
export const planted = z.record(z.string(), z.object({ value: z.string(), instead: z.string() }));
export type Planted = z.infer<typeof planted>;

/** The programs that the configuration of the checkout `cwd` names. @throws SubagentsError GIT */
export async function readPrograms(cwd: string): Promise<Record<string, string>> {
  return programsIn(await localConfiguration(cwd));
}

/** The programs of a configuration, as they stand there. */
export function programsIn(configuration: ReadonlyMap<string, readonly string[]>): Record<string, string> {
  return Object.fromEntries(
    [...configuration]
      .filter(([key]) => PROGRAMS.some(([pattern]) => pattern.test(key)))
      .map(([key, values]) => [key, values.at(-1) ?? '']),
  );
}

/** What the configuration of the checkout `cwd` has beyond the programs there were `before`. @throws SubagentsError GIT */
export async function plantedSince(cwd: string, before: Readonly<Record<string, string>>): Promise<Planted> {
  return added(before, await readPrograms(cwd));
}

/** What there is `now` beyond the programs that there were `before`. */
export function added(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): Planted {
  return Object.fromEntries(
    Object.entries(now)
      .filter(([key, value]) => before[key] !== value)
      .map(([key, value]) => [key, { value, instead: before[key] ?? harmless(key) }]),
  );
}

/** Of `known`, what is configured `now`; what somebody has set to something else since is theirs. */
export function stillThere(known: Planted, now: Readonly<Record<string, string>>): Planted {
  return Object.fromEntries(Object.entries(known).filter(([key, { value }]) => now[key] === value));
}

/** Settings for git calls by which nothing of it runs. */
export function settingsAgainst(found: Planted): string[] {
  return Object.entries(found).map(([key, { instead }]) => `${key}=${instead}`);
}

const harmless = (key: string): string => PROGRAMS.find(([pattern]) => pattern.test(key))?.[1] ?? '';

/** The configuration that lies in the repository itself, with all that it includes: keys with their values, in order. */
export async function localConfiguration(repo: string): Promise<Map<string, string[]>> {
  const { stdout } = await tryGit(['config', '--list', '--show-scope', '--includes', '-z'], { cwd: repo });
  const items = stdout.split('\0');
  const found = new Map<string, string[]>();
  for (let at = 0; at + 1 < items.length; at += 2) {
    if (items[at] !== 'local' && items[at] !== 'worktree') continue;
    const [key = '', ...value] = (items[at + 1] ?? '').split('\n');
    found.set(key, [...(found.get(key) ?? []), value.join('\n')]);
  }
  return found;
}
