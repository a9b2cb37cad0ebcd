/** How the user can call `subagents` from another folder. */
import { realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { compiledFile } from '../system/compiled-file.ts';
import { shellQuoted } from '../system/shell-quote.ts';

/** The command of this installation: `subagents` if it is on PATH, else by `npx` or by `node`. */
export function subagentsCommand(env: NodeJS.ProcessEnv): string {
  const main = compiledFile('cli/main.bundle.js');
  const folders = (env['PATH'] ?? '').split(delimiter);
  // npm adds folders to PATH that the user's shell does not have.
  const users = folders.filter((folder) => folder !== '' && !folder.includes('node_modules'));
  if (users.some((folder) => isSame(join(folder, 'subagents'), main))) return 'subagents';
  if (main.includes('/_npx/')) return 'npx durable-subagents';
  return `node ${quoted(main)}`;
}

function isSame(path: string, main: string): boolean {
  try {
    return realpathSync(path) === realpathSync(main);
  } catch {
    return false;
  }
}

/** `path`, quoted for a POSIX shell. */
export const quoted = (path: string): string => (/^[\w@%+=:,./-]+$/.test(path) ? path : shellQuoted(path));
