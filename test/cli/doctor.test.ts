import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkGit } from '../../src/cli/doctor/machine.ts';
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
