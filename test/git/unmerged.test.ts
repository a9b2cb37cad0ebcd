import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { clone } from '../../src/git/remote.ts';
import { countUnpushed } from '../../src/git/branches/unmerged.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository } from '../support/repository.ts';
import { Git } from '../../src/git/git.ts';

Object.assign(process.env, NO_GIT_CONFIGURATION);

it('a clone has what its branches and its tags have and the remote has not', async () => {
  await using remote = await temporaryRepository();
  // A release that is on no branch any more.
  await remote.git('switch', '--quiet', '--detach');
  await remote.commit('Release');
  await remote.git('tag', '--annotate', '--message', 'Release', 'v1');
  await remote.git('switch', '--quiet', 'main');

  const path = join(dirname(remote.path), 'clone');
  await clone(pathToFileURL(remote.path).href, path, Git.at('/'));
  const git = remote.in(path);
  expect(await git('tag')).toBe('v1');
  expect(await git('branch', '--all', '--format=%(refname)')).toBe(
    'refs/heads/main\nrefs/remotes/origin/HEAD\nrefs/remotes/origin/main',
  );
  expect(await countUnpushed(Git.at(path))).toBe(0);

  await git('reset', '--hard', '--quiet');
  await git('switch', '--quiet', '--create', 'subagents/fix');
  await remote.commit('On its branch', {}, path);
  expect(await countUnpushed(Git.at(path))).toBe(1);
  await git('tag', 'mine');
  expect(await countUnpushed(Git.at(path))).toBe(1);
  await git('switch', '--quiet', 'main');
  await git('branch', '--quiet', '-D', 'subagents/fix');
  expect(await countUnpushed(Git.at(path))).toBe(1);
  await git('push', '--quiet', 'origin', 'mine:refs/heads/fix');
  expect(await countUnpushed(Git.at(path))).toBe(0);
});
