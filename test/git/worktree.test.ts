import { mkdir, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { addWorktree, isWorktree } from '../../src/git/worktrees/worktree.ts';
import { temporaryFolder } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository } from '../support/repository.ts';
import { Git } from '../../src/git/git.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

it('waits for a worktree that another git is making at that moment', async () => {
  await using repo = await temporaryRepository();
  await using folder = await temporaryFolder();
  await repo.git('branch', 'work');
  // What git has written of a registration when it gets so far: one file is there, and empty.
  const other = join(repo.path, '.git/worktrees/other');
  await mkdir(other, { recursive: true });
  await writeFile(join(other, 'gitdir'), `${folder.path}/other/.git\n`);
  await writeFile(join(other, 'HEAD'), 'ref: refs/heads/main\n');
  await writeFile(join(other, 'commondir'), '');
  const place = { cwd: join(await realpath(folder.path), 'mine'), commonDir: join(repo.path, '.git') };
  await expect(repo.git('worktree', 'list')).rejects.toThrow('failed to read');

  const added = addWorktree(place, 'work', Git.at(repo.path));
  await delay(100); // whatever it tries meanwhile fails
  await writeFile(join(other, 'commondir'), '../..\n');
  await added;
  expect(isWorktree(place)).toBe(true);
  await rm(other, { recursive: true });
});

it('makes many in one repository at the same moment', async () => {
  await using repo = await temporaryRepository();
  await using folder = await temporaryFolder();
  const root = await realpath(folder.path);
  const names = Array.from({ length: 30 }, (_, index) => `work-${index}`);
  for (const name of names) await repo.git('branch', name);
  const places = names.map((name) => ({ cwd: join(root, name), commonDir: join(repo.path, '.git') }));
  await Promise.all(places.map((place, index) => addWorktree(place, names[index] ?? '', Git.at(repo.path))));
  expect(places.filter(isWorktree)).toHaveLength(names.length);
});
