/** Throw-away git repositories, shaped by nobody's configuration but their own. */
import { mkdir, realpath, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { temporaryFolder } from './home.ts';

/** Runs git as a developer would: hooks run, and the repository's own configuration counts. @throws when it fails */
export type RunGit = (...args: string[]) => Promise<string>;

/** A checkout; disposing of it removes it with the folder it lies in. */
export interface Repository extends AsyncDisposable {
  /** Real path of its root. */
  readonly path: string;
  /** Its first commit. */
  readonly first: string;
  /** Runs git in it, or in another folder. */
  readonly git: RunGit;
  in(folder: string): RunGit;
  /** Writes files, by path. */
  write(files: Readonly<Record<string, string>>, folder?: string): Promise<void>;
  /** Writes files and commits everything; gives the commit. */
  commit(message: string, files?: Readonly<Record<string, string>>, folder?: string): Promise<string>;
}

/** Git configuration of nobody: what tests set in `process.env`, so that the code under test has none either. */
export const NO_GIT_CONFIGURATION = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' } as const;

/**
 * Makes a repository with one commit on `main`: `await using repo = await temporaryRepository({ 'a.txt': 'a' })`.
 * Without `identity` its configuration has no user.
 */
export async function temporaryRepository(
  files: Readonly<Record<string, string>> = { 'README.md': '# A project\n' },
  { identity = true, name = 'project' }: { identity?: boolean; name?: string } = {},
): Promise<Repository> {
  const folder = await temporaryFolder();
  const path = join(await realpath(folder.path), name);
  await mkdir(path);
  const runIn =
    (cwd: string): RunGit =>
    async (...args) => {
      const env = { ...NO_GIT_CONFIGURATION, LC_ALL: 'C.UTF-8' };
      const author = ['-c', 'user.name=Dev Eloper', '-c', 'user.email=dev@example.com'];
      return (await execa('git', [...author, ...args], { cwd, env })).stdout;
    };
  const git = runIn(path);
  const write = async (contents: Readonly<Record<string, string>>, into = path): Promise<void> => {
    for (const [name, content] of Object.entries(contents)) {
      await mkdir(dirname(join(into, name)), { recursive: true });
      await writeFile(join(into, name), content);
    }
  };
  const commit = async (
    message: string,
    contents: Readonly<Record<string, string>> = {},
    into = path,
  ): Promise<string> => {
    await write(contents, into);
    await runIn(into)('add', '--all');
    await runIn(into)('commit', '--quiet', '--allow-empty', '--message', message);
    return runIn(into)('rev-parse', 'HEAD');
  };
  await git('init', '--quiet', '--initial-branch=main');
  if (identity) {
    await git('config', 'user.name', 'Dev Eloper');
    await git('config', 'user.email', 'dev@example.com');
  }
  const first = await commit('First commit', files);
  return {
    path,
    first,
    git,
    write,
    commit,
    in: runIn,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
