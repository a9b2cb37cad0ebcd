/** An index of our own beside that of a checkout, which may be in use and is not ours to write. */
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gitDirs } from './repository.ts';
import { tryGit } from './run.ts';

/**
 * Does `work` with an index that knows of new files, too, so that a diff of the folder shows them.
 * @param files which, from the root of the checkout; default: all that are not ignored.
 */
export async function withNewFiles<T>(
  cwd: string,
  work: (env: { readonly GIT_INDEX_FILE: string }) => Promise<T>,
  files?: readonly string[],
): Promise<T> {
  const scratch = await mkdtemp(join(tmpdir(), 'subagents-index-'));
  try {
    const env = { GIT_INDEX_FILE: join(scratch, 'index') };
    await copyFile(join(gitDirs(cwd).gitDir, 'index'), env.GIT_INDEX_FILE).catch(() => undefined);
    const add = ['--literal-pathspecs', 'add', '--intent-to-add', '--ignore-errors'];
    if (files === undefined) await tryGit([...add, '--', '.'], { cwd, env });
    else if (files.length > 0) {
      const from = ['--pathspec-from-file=-', '--pathspec-file-nul'];
      await tryGit([...add, ...from], { cwd, env, input: files.join('\0') });
    }
    return await work(env);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
