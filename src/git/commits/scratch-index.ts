/** A private index of a checkout whose own index may be in use and must not be written. */
import { stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { copyForeignFile } from '../../system/files.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';
import { withGitScratch } from '../scratch.ts';

/**
 * Runs `work` with an index that includes new files, so that a diff of the folder shows them.
 * @param files which new files, from the root of the checkout; default: all that are not ignored.
 */
export async function withNewFiles<T>(
  git: Git,
  work: (env: { readonly GIT_INDEX_FILE: string }) => Promise<T>,
  files?: readonly string[],
): Promise<T> {
  return withGitScratch(git, async (scratch) => {
    const env = { GIT_INDEX_FILE: join(scratch, 'index') };
    await copyIndex(gitDirs(git.cwd).gitDir, env.GIT_INDEX_FILE).catch(() => undefined);
    const add = ['--literal-pathspecs', 'add', '--intent-to-add', '--ignore-errors'];
    if (files === undefined) await git.try([...add, '--', '.'], { env });
    else if (files.length > 0) {
      const from = ['--pathspec-from-file=-', '--pathspec-file-nul'];
      await git.try([...add, ...from], { env, input: files.join('\0') });
    }
    return work(env);
  });
}

/**
 * Copies the index of a checkout with its modification time. Git rereads files that are as new as the index, since
 * they may have changed after it; a copy with a newer time would hide such a change.
 */
export async function copyIndex(gitDir: string, to: string): Promise<void> {
  const from = join(gitDir, 'index');
  const { mtimeMs } = await stat(from);
  await copyForeignFile(from, to);
  const seconds = Math.floor(mtimeMs) / 1_000;
  await utimes(to, seconds, seconds);
}
