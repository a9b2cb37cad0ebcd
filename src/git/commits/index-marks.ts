/**
 * Handles the index marks that make git skip reading a file: assume-unchanged and skip-worktree. In a user's
 * checkout, marks from before the subagent began belong to the user.
 */
import { join } from 'node:path';
import { statIfThere } from '../../system/files.ts';
import type { Git } from '../git.ts';

/** With more marks than this, they are not compared. */
const MAX_MARKS = 20_000;

/**
 * Returns the marked files that exist in the checkout, each as `git ls-files -v` prints it: `h path`, `S path`.
 * Undefined when there are too many.
 * @throws SubagentsError GIT
 */
export async function readIndexMarks(git: Git): Promise<string[] | undefined> {
  const entries = (await git.run(['ls-files', '-v', '-z'])).split('\0');
  const marked = entries.filter((entry) => /^([a-z]|S) /.test(entry));
  if (marked.length > MAX_MARKS) return undefined;
  return marked.filter((entry) => statIfThere(join(git.cwd, entry.slice(2))) !== undefined);
}

/**
 * Removes the marks of files in the checkout that were not marked `before`.
 * @returns notes on what was done; empty when there are none.
 * @throws SubagentsError GIT
 */
export async function clearIndexMarks(git: Git, before: readonly string[] | undefined): Promise<string[]> {
  const now = before === undefined ? undefined : await readIndexMarks(git);
  if (before === undefined || now === undefined) return [];
  const known = new Set(before);
  const came = now.filter((entry) => !known.has(entry));
  if (came.length === 0) return [];
  const clear = async (tags: RegExp, how: string): Promise<string> => {
    const marked = (entries: readonly string[]): string[] =>
      entries.filter((entry) => tags.test(entry)).map((entry) => entry.slice(2));
    const had = new Set(marked(before));
    const ours = marked(came).filter((path) => !had.has(path));
    if (ours.length === 0) return '';
    const input = ours.join('\0');
    return (await git.try(['update-index', '-z', how, '--stdin'], { input })).stderr;
  };
  const said =
    (await clear(/^[Ss] /, '--no-skip-worktree')) + (await clear(/^[a-z] /, '--no-assume-unchanged'));
  const names = came.map((entry) => entry.slice(2));
  const named = names.slice(0, 10).join(', ') + (names.length > 10 ? ` and ${names.length - 10} more` : '');
  const what = `index flags that were set while the subagent worked (assume-unchanged, skip-worktree) hid files from git: ${named}`;
  return [
    said === ''
      ? `${what}; the flags were cleared`
      : `${what}; the flags could not be cleared: ${said.trim()}`,
  ];
}
