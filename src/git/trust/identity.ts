/**
 * The identity for commits when the user has configured none. It is in the configuration that git reads first: a
 * system-level file of ours that includes the machine's own. So every other setting (machine, user, repository,
 * worktree, environment) overrides it, and no shared file is written. The subagent's own commits get the same
 * identity, since an environment variable names the file.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere, writePrivateFile } from '../../system/files.ts';
import type { Git } from '../git.ts';
import { configured } from './configuration.ts';
import { quoted } from './configuration-text.ts';

/** The author of commits when no identity is configured. */
export const FALLBACK_IDENTITY = { name: 'Durable Subagent', email: 'subagent@localhost' } as const;

/** Environment for git, and for programs that run git in a workspace. `undefined` removes a variable. */
export type IdentityEnvironment = Readonly<{ GIT_CONFIG_SYSTEM: string; GIT_CONFIG_NOSYSTEM: undefined }>;

/**
 * Writes the fallback configuration into `folder` (a worker's home; it must exist) and returns the environment that
 * makes git read it.
 * @throws SubagentsError DISK_FULL, INTERNAL, GIT
 */
export async function identityEnvironment(git: Git): Promise<IdentityEnvironment> {
  const path = join(git.cwd, 'gitconfig');
  const env = { GIT_CONFIG_SYSTEM: path, GIT_CONFIG_NOSYSTEM: undefined };
  // This process already uses the file, so the machine's own file can no longer be determined.
  if (process.env['GIT_CONFIG_SYSTEM'] === path && existsSync(path)) return env;
  const included = await systemConfiguration(git);
  const text = [
    '# Written by subagents. Git reads this file before all other configuration, so all other configuration takes precedence.',
    '[user]',
    `\tname = ${FALLBACK_IDENTITY.name}`,
    `\temail = ${FALLBACK_IDENTITY.email}`,
    ...(included === undefined ? [] : ['[include]', `\tpath = ${quoted(included)}`]),
    '',
  ].join('\n');
  if (readIfThere(path) !== text) writePrivateFile(path, text);
  return env;
}

/** Whether commits in the handle's folder would carry the fallback name or address. @throws SubagentsError GIT */
export async function usesFallbackIdentity(git: Git): Promise<boolean> {
  const known = await git.configuration();
  const { GIT_AUTHOR_NAME, GIT_AUTHOR_EMAIL } = process.env;
  const name = GIT_AUTHOR_NAME ?? configured(known, 'author.name') ?? configured(known, 'user.name');
  const email = GIT_AUTHOR_EMAIL ?? configured(known, 'author.email') ?? configured(known, 'user.email');
  return isOurs(name, FALLBACK_IDENTITY.name) || isOurs(email, FALLBACK_IDENTITY.email);
}

/** Without a value of its own, the fallback applies: it is in the configuration that git reads first. */
const isOurs = (value: string | undefined, fallback: string): boolean =>
  value === undefined || value === fallback;

/** Returns the machine's own configuration file if it has any content; the result is cached. */
function systemConfiguration(git: Git): Promise<string | undefined> {
  // Only these variables can change the result, and only tests change them.
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
  // Only git knows the path, which is compiled in. The first item of the output is "file:PATH".
  const { stdout } = await git.try(['config', '--system', '--list', '--show-origin', '--no-includes', '-z']);
  return /^file:([^\0]+)\0/.exec(stdout)?.[1];
}
