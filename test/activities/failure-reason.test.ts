/** The reason in what real tools print when they fail. */
import { ApplicationFailure } from '@temporalio/common';
import { expect, it } from 'vitest';
import { withFailureCodes } from '../../activities/failures.ts';
import { failureReason } from '../../activities/failure-reason.ts';

it.each([
  [
    'npm ci without a lock file',
    [
      'npm error code EUSAGE',
      'npm error',
      'npm error The `npm ci` command can only install with an existing package-lock.json or',
      'npm error npm-shrinkwrap.json with lockfileVersion >= 1. Run an install with npm@5 or',
      'npm error later to generate a package-lock.json file, then try again.',
      'npm error',
      'npm error A complete log of this run can be found in: /home/a/.npm/_logs/2026-01-01T00_00_00_000Z-debug-0.log',
    ],
    'npm error The `npm ci` command can only install with an existing package-lock.json or',
  ],
  [
    'npm, a package that is nowhere',
    [
      'npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory',
      'npm error code E404',
      'npm error 404 Not Found - GET https://registry.example/left-pat - Not found',
      'npm error 404',
      "npm error 404  'left-pat@*' is not in this registry.",
      'npm error A complete log of this run can be found in: /home/a/.npm/_logs/x-debug-0.log',
    ],
    'npm error 404 Not Found - GET https://registry.example/left-pat - Not found',
  ],
  [
    'npm, a script that fails',
    [
      '> x@1.0.0 build',
      '> tsc',
      '',
      "src/a.ts(1,1): error TS2304: Cannot find name 'foo'.",
      'npm error code 2',
      'npm error path /x',
      'npm error command failed',
      'npm error command sh -c tsc',
    ],
    "src/a.ts(1,1): error TS2304: Cannot find name 'foo'.",
  ],
  [
    'npm before version 10',
    [
      'npm ERR! code ENOENT',
      'npm ERR! syscall open',
      'npm ERR! path /x/package.json',
      'npm ERR! errno -2',
      "npm ERR! enoent ENOENT: no such file or directory, open '/x/package.json'",
      'npm ERR! ',
      'npm ERR! A complete log of this run can be found in: /x.log',
    ],
    "npm ERR! enoent ENOENT: no such file or directory, open '/x/package.json'",
  ],
  [
    'yarn',
    [
      'yarn install v1.22.0',
      'error Couldn\'t find package "left-pat" on the "npm" registry.',
      'info Visit https://yarnpkg.com/en/docs/cli/install for documentation about this command.',
    ],
    'error Couldn\'t find package "left-pat" on the "npm" registry.',
  ],
  [
    'pnpm',
    [
      ' ERR_PNPM_NO_LOCKFILE  Cannot install with "frozen-lockfile" because pnpm-lock.yaml is absent',
      '',
      'Note that in CI environments this setting is true by default.',
    ],
    'ERR_PNPM_NO_LOCKFILE  Cannot install with "frozen-lockfile" because pnpm-lock.yaml is absent',
  ],
  [
    'pip',
    [
      'ERROR: Could not find a version that satisfies the requirement flaskk (from versions: none)',
      'ERROR: No matching distribution found for flaskk',
      '',
      '[notice] A new release of pip is available: 23.0 -> 24.0',
      '[notice] To update, run: pip install --upgrade pip',
    ],
    'ERROR: Could not find a version that satisfies the requirement flaskk (from versions: none)',
  ],
  [
    'Python',
    [
      'Traceback (most recent call last):',
      '  File "/x/a.py", line 1, in <module>',
      '    import numpyy',
      "ModuleNotFoundError: No module named 'numpyy'",
    ],
    "ModuleNotFoundError: No module named 'numpyy'",
  ],
  [
    'Node',
    [
      'node:internal/modules/cjs/loader:1228',
      '  throw err;',
      '  ^',
      '',
      "Error: Cannot find module './x'",
      '    at Module._resolveFilename (node:internal/modules/cjs/loader:1225:15)',
      "  code: 'MODULE_NOT_FOUND',",
      '}',
      '',
      'Node.js v20.20.0',
    ],
    "Error: Cannot find module './x'",
  ],
  [
    'make and cc',
    [
      'cc -c a.c',
      'a.c:1:10: fatal error: nowhere.h: No such file or directory',
      'compilation terminated.',
      'make: *** [Makefile:2: a.o] Error 1',
    ],
    'a.c:1:10: fatal error: nowhere.h: No such file or directory',
  ],
  [
    'cargo',
    [
      '   Compiling x v0.1.0',
      'error[E0425]: cannot find value `y` in this scope',
      ' --> src/main.rs:1:13',
      'error: could not compile `x` (bin "x") due to 1 previous error',
    ],
    'error[E0425]: cannot find value `y` in this scope',
  ],
  ['the shell', ['sh: 1: tsc: not found'], 'sh: 1: tsc: not found'],
  ['what says no reason', ['one', 'two'], 'two'],
  ['nothing', [''], ''],
])('%s', (_, output, reason) => {
  expect(failureReason(output.join('\n'))).toBe(reason);
});

it.each([
  ['ENOSPC', 'DISK_FULL', 'no space left to write /home/x/file', 'free some space'],
  ['EDQUOT', 'DISK_FULL', 'no space left to write /home/x/file', 'free some space'],
  ['EMFILE', 'FILE_ACCESS', 'cannot open /home/x/file: EMFILE (too many open files)', 'ulimit -n'],
  ['EACCES', 'FILE_ACCESS', 'cannot open /home/x/file: EACCES (permission denied)', 'own and can write'],
  [
    'EROFS',
    'FILE_ACCESS',
    'cannot open /home/x/file: EROFS (its file system is read-only)',
    'writable again',
  ],
])('what the system refuses an activity is told in words: %s', async (system, code, message, remedy) => {
  const refused = Object.assign(new Error(`${system}: refused, open '/home/x/file'`), {
    code: system,
    syscall: 'open',
    path: '/home/x/file',
  });
  const failure: unknown = await withFailureCodes(() => Promise.reject(refused)).catch(
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(ApplicationFailure);
  expect(failure).toMatchObject({ message, type: 'Workspace', nonRetryable: true });
  expect((failure as ApplicationFailure).details).toMatchObject([
    { code, remedy: expect.stringContaining(remedy) as string },
  ]);
});
