/**
 * Settings that affect how git reads and writes the files of a worktree. A subagent's changes to them are ignored
 * when our calls handle its work, since no other checkout of its commit has them.
 */
import { existsSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { GitSetting } from '../../environment/unattended.ts';
import { readIfThere } from '../../system/files.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';
import { configured } from './configuration.ts';

const standardAttributes = (): string =>
  join(process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'git', 'attributes');

/** The settings with their defaults. */
const SETTINGS: Readonly<Record<string, () => string>> = {
  'core.autocrlf': () => 'false',
  'core.eol': () => 'native',
  'core.attributesfile': standardAttributes,
  'core.symlinks': () => 'true',
  'core.ignorecase': () => 'false',
};

/** A larger `info/attributes` is treated as missing. */
const MAX_ATTRIBUTES_BYTES = 64 * 1024;

/** The values of these settings at one time. */
export const contentSettings = z.object({
  /** Values of the settings that are set, by key. */
  settings: z.record(z.string(), z.string()),
  /** The contents of the repository's `info/attributes`; absent when there is no such file. */
  attributes: z.string().optional(),
});
/** See `readings`. */
export type ContentSettings = z.infer<typeof contentSettings>;

/** Reads the current values in a checkout. @throws SubagentsError GIT, NOT_A_REPOSITORY */
export async function readContentSettings(git: Git): Promise<ContentSettings> {
  const attributes = attributesOf(gitDirs(git.cwd).commonDir);
  return { settings: await readSettings(git), ...(attributes !== undefined && { attributes }) };
}

async function readSettings(git: Git): Promise<Record<string, string>> {
  const configuration = await git.configuration();
  return Object.fromEntries(
    Object.keys(SETTINGS).flatMap((key) => {
      const value = configured(configuration, key);
      return value === undefined ? [] : [[key, value]];
    }),
  );
}

/**
 * Returns settings for git calls that restore the values from `before` for those that changed; none when there is
 * no checkout.
 * @throws SubagentsError GIT
 */
export async function restoringSettings(
  git: Git,
  before: ContentSettings | undefined,
): Promise<GitSetting[]> {
  if (before === undefined || !existsSync(join(git.cwd, '.git'))) return [];
  const settings = await readSettings(git);
  return Object.entries(SETTINGS)
    .filter(([key]) => settings[key] !== before.settings[key])
    .map(([key, standard]): GitSetting => [key, before.settings[key] ?? standard()]);
}

/** Returns the contents of `info/attributes` in the git folder `commonDir`. */
export function attributesOf(commonDir: string): string | undefined {
  try {
    const text = readIfThere(join(realpathSync(commonDir), 'info', 'attributes'));
    return text === undefined || text.length > MAX_ATTRIBUTES_BYTES ? undefined : text;
  } catch {
    return undefined; // Unreadable; git cannot read it either.
  }
}

/** Returns the path of the user's attributes file. */
export async function userAttributes(git: Git): Promise<string> {
  const { stdout } = await git.try(['config', '--type=path', '--get', 'core.attributesFile']);
  return stdout === '' ? standardAttributes() : resolve(git.cwd, stdout);
}
