/** The repository that the subagents of a chaos run work on. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Git } from '../src/git/git.ts';

/** Creates the repository at `path` and returns its commit. */
export async function makeRepository(path: string): Promise<string> {
  await mkdir(path);
  await writeFile(join(path, 'README.md'), '# A project\n');
  const git = Git.at(path);
  await git.run(['init', '--quiet', '--initial-branch=main']);
  await git.run(['config', 'user.name', 'Chaos']);
  await git.run(['config', 'user.email', 'chaos@example.invalid']);
  await git.run(['add', '.']);
  await git.run(['commit', '--quiet', '-m', 'A project']);
  return (await git.run(['rev-parse', 'HEAD'])).trim();
}
