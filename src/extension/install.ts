/** Puts the extension where Copilot CLI looks for extensions, and takes it away again. */
import { lstatSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { SubagentsError } from '../contract/errors.ts';
import { errorCode, withDiskErrors } from '../system/files.ts';
import { isOurs, launcherText } from './launcher.ts';
import { compiledFile } from '../system/compiled-file.ts';

/** What was done to the file. */
export type Change = 'written' | 'updated' | 'unchanged' | 'removed' | 'absent';

/** The extension's file for this user: in Copilot CLI's own home. */
export function userExtension(env: Readonly<Record<string, string | undefined>>): string {
  const copilotHome = env['COPILOT_HOME'] || join(env['HOME'] || homedir(), '.copilot');
  return join(copilotHome, 'extensions', NAME, FILE);
}

/** The extension's file of a repository. */
export const projectExtension = (root: string): string => join(root, '.github', 'extensions', NAME, FILE);

/** The folder's name is the extension's; that of a project comes before that of the user. */
const NAME = 'durable-subagents';
const FILE = 'extension.mjs';

/**
 * Writes the extension's file.
 * @param portable nothing of this machine is to be in it
 * @throws SubagentsError NOT_OURS, DISK_FULL, INTERNAL
 */
export function install(path: string, portable: boolean): Change {
  const main = compiledFile('extension/main.bundle.js');
  const text = launcherText(portable ? undefined : { main, node: process.execPath });
  const before = readOurs(path);
  if (before === text) return 'unchanged';
  withDiskErrors(path, () => {
    mkdirSync(dirname(path), { recursive: true });
    const draft = `${path}.${process.pid}`;
    writeFileSync(draft, text);
    renameSync(draft, path);
  });
  return before === undefined ? 'written' : 'updated';
}

/** Removes it, and its folder where nothing else is in it. @throws SubagentsError NOT_OURS, INTERNAL */
export function uninstall(path: string): Change {
  if (readOurs(path) === undefined) return 'absent';
  withDiskErrors(path, () => rmSync(path));
  try {
    rmdirSync(dirname(path));
  } catch {
    // Something else is in it, which is not ours.
  }
  return 'removed';
}

/** What stands there and was written by us; `undefined` where nothing is. @throws SubagentsError NOT_OURS */
function readOurs(path: string): string | undefined {
  for (const each of [dirname(path), path]) {
    const stat = statIfThere(each);
    if (stat === undefined) return undefined;
    if (stat.isSymbolicLink()) throw notOurs(each, 'a symbolic link');
  }
  if (!lstatSync(path).isFile()) throw notOurs(path, 'no file');
  const text = readFileSync(path, 'utf8');
  if (!isOurs(text)) throw notOurs(path, 'not written by us, or changed since');
  return text;
}

function statIfThere(path: string) {
  try {
    return lstatSync(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

function notOurs(path: string, what: string): SubagentsError {
  return new SubagentsError('NOT_OURS', `${path} is left alone: it is ${what}`, {
    remedy: 'look at it, and move it away if you do not need it; then try again',
  });
}
