/** The repository that the subagents of a chaos run work on. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { git } from '../src/git/git.ts';

/** Makes it in `path`; gives its commit. */
export async function makeRepository(path: string): Promise<string> {
  await mkdir(path);
  await writeFile(join(path, 'README.md'), '# A project\n');
  const inRepo = { cwd: path };
  await git(['init', '--quiet', '--initial-branch=main'], inRepo);
  await git(['config', 'user.name', 'Chaos'], inRepo);
  await git(['config', 'user.email', 'chaos@example.invalid'], inRepo);
  await git(['add', '.'], inRepo);
  await git(['commit', '--quiet', '-m', 'A project'], inRepo);
  return (await git(['rev-parse', 'HEAD'], inRepo)).trim();
}
