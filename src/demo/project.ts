import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { Git } from '../git/git.ts';
import { PROJECT_FILES } from './project-files.ts';

/** Creates the throw-away repository in the folder `path`. @returns its first commit */
export async function makeProject(path: string): Promise<string> {
  for (const [name, content] of Object.entries(PROJECT_FILES)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), content);
  }
  const git = Git.at(path);
  await git.run(['init', '--quiet', '--initial-branch=main']);
  // Its own author, no signature and no hooks, because the user's settings are for the user's commits.
  await git.run(['config', 'user.name', 'Corner Shop']);
  await git.run(['config', 'user.email', 'shop@example.invalid']);
  await git.run(['config', 'commit.gpgsign', 'false']);
  await git.run(['config', 'core.hooksPath', '/dev/null']);
  await git.run(['add', '.']);
  await git.run(['commit', '--quiet', '-m', 'A small shop']);
  return await git.run(['rev-parse', 'HEAD']);
}

/** The result of `node --test`. */
export interface TestRun {
  readonly exitCode: number | undefined;
  readonly passed: number;
  readonly failed: number;
  /** Names of the failed tests. */
  readonly failures: readonly string[];
}

/** Runs the project's tests. */
export async function runTests(path: string, signal: AbortSignal): Promise<TestRun> {
  const { exitCode, stdout } = await execa(process.execPath, ['--test', '--test-reporter=tap'], {
    cwd: path,
    reject: false,
    cancelSignal: signal,
  });
  signal.throwIfAborted();
  const count = (name: string) =>
    Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(stdout)?.[1] ?? Number.NaN);
  const failures = [...stdout.matchAll(/^ *not ok \d+ - (.*)$/gm)].map(([, name = '']) => name);
  return { exitCode, passed: count('pass'), failed: count('fail'), failures };
}
