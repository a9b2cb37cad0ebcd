/** Installs the extension into the folders where Copilot CLI looks for extensions, and uninstalls it. */
import { lstatSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { SubagentsError } from '../contract/errors.ts';
import { errorCode, withDiskErrors } from '../system/files.ts';
import type { InstallChange } from '../contract/reports/installation.ts';
import { isOurs, launcherText } from './launcher.ts';
import { compiledFile } from '../system/compiled-file.ts';

/** The extension's file of this user, in Copilot CLI's own home. */
export function userExtension(env: Readonly<Record<string, string | undefined>>): string {
  const copilotHome = env['COPILOT_HOME'] || join(env['HOME'] || homedir(), '.copilot');
  return join(copilotHome, 'extensions', NAME, FILE);
}

/** The extension's file of a repository. */
export const projectExtension = (root: string): string => join(root, '.github', 'extensions', NAME, FILE);

/** The name of the folder is the name of the extension. The extension of a project takes precedence over the user's. */
const NAME = 'durable-subagents';
const FILE = 'extension.mjs';

/**
 * Writes the extension's file.
 * @param portable whether the file must not contain paths of this machine
 * @throws SubagentsError NOT_OURS, DISK_FULL, INTERNAL
 */
export function installExtension(path: string, portable: boolean): InstallChange {
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

/** Removes the extension's file, and its folder if that is empty then. @throws SubagentsError NOT_OURS, INTERNAL */
export function uninstallExtension(path: string): InstallChange {
  if (readOurs(path) === undefined) return 'absent';
  withDiskErrors(path, () => rmSync(path));
  try {
    rmdirSync(dirname(path));
  } catch {
    // The folder contains something that is not ours.
  }
  return 'removed';
}

/** Reads an installed file of ours; `undefined` when there is no file. @throws SubagentsError NOT_OURS */
function readOurs(path: string): string | undefined {
  for (const each of [dirname(path), path]) {
    const stat = statIfThere(each);
    if (stat === undefined) return undefined;
    if (stat.isSymbolicLink()) throw notOurs(each, 'a symbolic link');
  }
  if (!lstatSync(path).isFile()) throw notOurs(path, 'not a file');
  const text = readFileSync(path, 'utf8');
  if (!isOurs(text)) throw notOurs(path, 'not written by `subagents install`, or changed since');
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
  return new SubagentsError('NOT_OURS', `${path} was not changed: it is ${what}`, {
    remedy: 'look at it, and move it away if you do not need it; then try again',
  });
}
