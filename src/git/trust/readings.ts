/**
 * Settings by which git reads a worktree, or writes one: what a subagent has changed of them counts for no call of ours about its
 * work, since no other checkout of its commit has it.
 */
import { existsSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { GitSetting } from '../../environment/unattended.ts';
import { readIfThere } from '../../system/files.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';

const standardAttributes = (): string =>
  join(process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'git', 'attributes');

/** Each with what counts where nobody sets it. */
const SETTINGS: Readonly<Record<string, () => string>> = {
  'core.autocrlf': () => 'false',
  'core.eol': () => 'native',
  'core.attributesfile': standardAttributes,
  'core.symlinks': () => 'true',
  'core.ignorecase': () => 'false',
};

/** A longer `info/attributes` is taken for one that has not changed. */
const MAX_ATTRIBUTES_BYTES = 64 * 1024;

export const readings = z.object({
  /** Values by key, of those that are set. */
  settings: z.record(z.string(), z.string()),
  /** `info/attributes` of the repository; absent where there is none. */
  attributes: z.string().optional(),
});
export type Readings = z.infer<typeof readings>;

/** What counts in the checkout `cwd` now. @throws SubagentsError GIT, NOT_A_REPOSITORY */
export async function readReadings(git: Git): Promise<Readings> {
  const attributes = attributesOf(gitDirs(git.cwd).commonDir);
  return { settings: await readSettings(git), ...(attributes !== undefined && { attributes }) };
}

async function readSettings(git: Git): Promise<Record<string, string>> {
  const pattern = `^(${Object.keys(SETTINGS)
    .join('|')
    .replaceAll('.', String.raw`\.`)})$`;
  const { stdout } = await git.try(['config', '--includes', '-z', '--get-regexp', pattern]);
  const lines = stdout.split('\0').filter(Boolean);
  return Object.fromEntries(
    lines.map((line): [string, string] => {
      const at = line.indexOf('\n');
      return at < 0 ? [line, 'true'] : [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

/**
 * Settings for git calls in `cwd` by which those that have changed count as they were; none where no checkout lies.
 * @throws SubagentsError GIT
 */
export async function settingsAsBefore(git: Git, before: Readings | undefined): Promise<GitSetting[]> {
  if (before === undefined || !existsSync(join(git.cwd, '.git'))) return [];
  const settings = await readSettings(git);
  return Object.entries(SETTINGS)
    .filter(([key]) => settings[key] !== before.settings[key])
    .map(([key, standard]): GitSetting => [key, before.settings[key] ?? standard()]);
}

/** `info/attributes` of a repository, whose own git folder is `commonDir`. */
export function attributesOf(commonDir: string): string | undefined {
  try {
    const text = readIfThere(join(realpathSync(commonDir), 'info', 'attributes'));
    return text === undefined || text.length > MAX_ATTRIBUTES_BYTES ? undefined : text;
  } catch {
    return undefined; // It may not be read: git does not read it either.
  }
}

/** The file of attributes beside those of a repository. */
export async function userAttributes(git: Git): Promise<string> {
  const { stdout } = await git.try(['config', '--type=path', '--get', 'core.attributesFile']);
  return stdout === '' ? standardAttributes() : resolve(git.cwd, stdout);
}
