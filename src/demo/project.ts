import { execa } from 'execa';
import { PROJECT_FILES } from './project-files.ts';
import { makeRepository } from './repository.ts';

/** Creates the throw-away repository in the folder `path`. @returns its first commit */
export const makeProject = (path: string): Promise<string> =>
  makeRepository(path, {
    files: PROJECT_FILES,
    author: 'Corner Shop',
    email: 'shop@example.invalid',
    message: 'A small shop',
  });

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
