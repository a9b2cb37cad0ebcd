import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Check } from '../../src/client/index.ts';
import { checkText } from '../../src/cli/commands/doctor.ts';
import { Output } from '../../src/cli/output.ts';
import { checkEnvironment, checkGit } from '../../src/checks/machine.ts';
import { MINIMUM_GIT_VERSION } from '../../src/git/run.ts';
import { temporaryFolder } from '../support/home.ts';

it.each([
  ['2.35.8', 'fail'],
  [`${MINIMUM_GIT_VERSION}.0`, 'ok'],
  ['3.0.1', 'ok'],
])('git %s is: %s', async (version, result) => {
  await using folder = await temporaryFolder();
  const script = `#!/bin/sh\ncase "$1" in --version) echo "git version ${version}";; *) echo somebody;; esac\n`;
  await writeFile(join(folder.path, 'git'), script, { mode: 0o755 });
  expect(await checkGit({ PATH: folder.path })).toMatchObject({
    result,
    ...(result === 'fail' && {
      detail: `${version} is older than ${MINIMUM_GIT_VERSION}`,
      remedy: `install git ${MINIMUM_GIT_VERSION} or newer`,
    }),
  });
});

it('names what is withheld from shells, and what only looks drawn by chance', () => {
  const given = {
    SUBAGENTS_ENV: 'SUITE_KEY',
    SUITE_KEY: 'canary-1',
    DB_PASS: 'canary-2',
    TEMPORAL_API_KEY: 'canary-3',
  };
  expect(checkEnvironment(given)).toEqual({
    name: 'secrets',
    result: 'ok',
    detail: 'withheld from shells: DB_PASS, TEMPORAL_API_KEY (SUBAGENTS_ENV passes on SUITE_KEY)',
  });
  const random = checkEnvironment({ OPAQUE: 'x7Kq9Zr2LmN4vB8tQw3Yp6Hs', GIT_COMMIT: 'a'.repeat(40) });
  expect(random).toMatchObject({ result: 'warn', detail: expect.stringMatching(/: OPAQUE$/) as string });
  expect(checkEnvironment({ PATH: '/bin' }).detail).toBe('nothing is withheld from shells');
});

it('fits 80 columns, but for words that are longer', () => {
  const output = new Output({ color: false, json: false, env: {} });
  const check: Check = {
    name: 'secrets',
    result: 'warn',
    detail: `withheld from shells: ${Array.from({ length: 40 }, (_, at) => `SOME_API_TOKEN_${at}`).join(', ')}`,
    remedy:
      'unset what is a secret where the worker starts, or call it so that everybody can see it: NAME_SECRET',
  };
  const lines = checkText({ output }, check).split('\n');
  expect(lines.length).toBeGreaterThan(5);
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(lines.join(' ').replace(/\s+/g, ' ')).toContain(`SOME_API_TOKEN_38, SOME_API_TOKEN_39 → unset what`);
});
