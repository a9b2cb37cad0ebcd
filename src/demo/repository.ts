import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Git } from '../git/git.ts';

/** What a new repository has. */
export interface RepositoryContents {
  /** Contents by path from the root. */
  readonly files: Readonly<Record<string, string>>;
  /** Author and message of its first commit. */
  readonly author: string;
  readonly email: string;
  readonly message: string;
}

/** Creates a repository in the folder `path`, which is created if it is missing. @returns its first commit */
export async function makeRepository(
  path: string,
  { files, author, email, message }: RepositoryContents,
): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), content);
  }
  const git = Git.at(path);
  await git.run(['init', '--quiet', '--initial-branch=main']);
  // Its own author, no signature and no hooks, because the user's settings are for the user's commits.
  await git.run(['config', 'user.name', author]);
  await git.run(['config', 'user.email', email]);
  await git.run(['config', 'commit.gpgsign', 'false']);
  await git.run(['config', 'core.hooksPath', '/dev/null']);
  await git.run(['add', '.']);
  await git.run(['commit', '--quiet', '-m', message]);
  return git.run(['rev-parse', 'HEAD']);
}
