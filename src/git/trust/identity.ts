/**
 * The identity of commits where the user has configured none.
 *
 * It lies where git looks last: a system-level configuration file of ours that includes the machine's own. So whatever
 * anybody has configured (machine, user, repository, worktree, environment) wins, nothing shared is written, and the
 * subagent's own commits work in the same way as ours: the file is named by an environment variable.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere, writePrivateFile } from '../../system/files.ts';
import type { Git } from '../git.ts';

/** Who commits where nobody has said who. */
export const FALLBACK_IDENTITY = { name: 'Durable Subagent', email: 'subagent@localhost' } as const;

/** Environment for git, and for whoever runs git in a workspace. `undefined` takes a variable out. */
export type IdentityEnvironment = Readonly<{ GIT_CONFIG_SYSTEM: string; GIT_CONFIG_NOSYSTEM: undefined }>;

/**
 * Writes the fallback configuration into `folder` (a worker's home; it must exist) and gives the environment that
 * makes git read it.
 * @throws SubagentsError DISK_FULL, INTERNAL, GIT
 */
export async function identityEnvironment(git: Git): Promise<IdentityEnvironment> {
  const path = join(git.cwd, 'gitconfig');
  const env = { GIT_CONFIG_SYSTEM: path, GIT_CONFIG_NOSYSTEM: undefined };
  // Already in force here: what it includes could no longer be found out.
  if (process.env['GIT_CONFIG_SYSTEM'] === path && existsSync(path)) return env;
  const included = await systemConfiguration(git);
  const text = [
    '# Written by subagents. Git reads this before all other configuration, so all other configuration wins.',
    '[user]',
    `\tname = ${FALLBACK_IDENTITY.name}`,
    `\temail = ${FALLBACK_IDENTITY.email}`,
    ...(included === undefined ? [] : ['[include]', `\tpath = ${quoted(included)}`]),
    '',
  ].join('\n');
  if (readIfThere(path) !== text) writePrivateFile(path, text);
  return env;
}

/** Whether commits in `cwd` would carry the fallback name or address. @throws SubagentsError GIT */
export async function usesFallbackIdentity(git: Git, env: IdentityEnvironment): Promise<boolean> {
  const ident = await git.run(['var', 'GIT_AUTHOR_IDENT'], { env });
  return ident.startsWith(`${FALLBACK_IDENTITY.name} <`) || ident.includes(`<${FALLBACK_IDENTITY.email}>`);
}

/** The machine's own configuration file, if it has one with anything in it; asked for once. */
function systemConfiguration(git: Git): Promise<string | undefined> {
  // Only the environment can change it, and that only in tests.
  const { GIT_CONFIG_SYSTEM = '', GIT_CONFIG_NOSYSTEM = '' } = process.env;
  const key = `${GIT_CONFIG_SYSTEM}\0${GIT_CONFIG_NOSYSTEM}`;
  const known = asked?.key === key ? asked.path : findSystemConfiguration(git);
  asked = { key, path: known };
  known.catch(() => (asked = undefined));
  return known;
}
let asked: { readonly key: string; readonly path: Promise<string | undefined> } | undefined;

async function findSystemConfiguration(git: Git): Promise<string | undefined> {
  const nosystem = process.env['GIT_CONFIG_NOSYSTEM'] ?? '';
  if (nosystem !== '' && !/^(0|false|no|off)$/i.test(nosystem)) return undefined;
  // It lies where git was built to look for it: only git knows. The answer's first item is "file:PATH".
  const { stdout } = await git.try(['config', '--system', '--list', '--show-origin', '--no-includes', '-z']);
  return /^file:([^\0]+)\0/.exec(stdout)?.[1];
}

function quoted(path: string): string {
  return `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
