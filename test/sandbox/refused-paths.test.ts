/** Which paths count as refused, by what programs say. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { countRefusedPaths, refusedPaths, refusedSince } from '../../src/sandbox/refused-paths.ts';
import type { Walls } from '../../src/sandbox/walls.ts';
import { temporaryFolder } from '../support/home.ts';

const wallsIn = (folder: string): Walls => ({
  ...{ writable: [join(folder, 'own')], readable: [join(folder, 'objects')] },
  ...{ temporary: join(folder, 'tmp'), home: join(folder, 'home') },
  bounds: { memory: 1, processes: 1, disk: 1, running: '/r', sandbox: folder, folders: [] },
});

it('by the words of shells, coreutils, git, Node.js, Python and Go', async () => {
  await using folder = await temporaryFolder();
  const secret = join(folder.path, 'mine', 'secret key');
  mkdirSync(join(folder.path, 'mine'));
  writeFileSync(secret, '');
  const said = (output: string): string[] =>
    refusedPaths(wallsIn(folder.path), join(folder.path, 'own'), output);
  expect(said("touch: cannot touch '/etc/x': Read-only file system")).toEqual(['/etc/x']);
  expect(said('bash: line 1: /etc/y: Read-only file system')).toEqual(['/etc/y']);
  expect(said('sh: 1: cannot create /usr/bin/z: Read-only file system')).toEqual(['/usr/bin/z']);
  expect(said('sh: 1: cannot create ../made: Read-only file system')).toEqual([join(folder.path, 'made')]);
  expect(said("EROFS: read-only file system, open '/etc/node'")).toEqual(['/etc/node']);
  expect(said("OSError: [Errno 30] Read-only file system: '/etc/python'")).toEqual(['/etc/python']);
  expect(said('open /etc/go: read-only file system')).toEqual(['/etc/go']);
  expect(said(`cat: '${secret}': No such file or directory`)).toEqual([secret]);
  expect(said(`ENOENT: no such file or directory, open '${secret}'`)).toEqual([secret]);
  // A new file in a folder that is there outside alone.
  expect(said(`sh: 1: cannot create ${folder.path}/mine/new: Directory nonexistent`)).toEqual([
    `${folder.path}/mine/new`,
  ]);
  expect(said('subagents: /dev/shm/x is gone with this command: …')).toEqual(['/dev/shm/x']);
});

it('not what is not there for anybody, nor what is its own', async () => {
  await using folder = await temporaryFolder();
  for (const output of [
    'cat: missing.txt: No such file or directory',
    `cat: ${folder.path}/own/missing: No such file or directory`,
    `cat: ${folder.path}/objects/missing: Permission denied`,
    'cat: /nowhere/at/all: No such file or directory',
    'cat: /usr/lib/missing.so: No such file or directory',
    'cat: /etc/missing: No such file or directory',
    "ENOENT: no such file or directory, open '/home/subagent/.npmrc'",
    'the file system is read-only',
  ])
    expect(refusedPaths(wallsIn(folder.path), join(folder.path, 'own'), output)).toEqual([]);
});

it('are counted for each sandbox, from a moment on', async () => {
  await using folder = await temporaryFolder();
  const walls = wallsIn(folder.path);
  const twice = "touch: cannot touch '/etc/x': Read-only file system\n".repeat(2);
  countRefusedPaths(walls, '/', twice);
  const since = refusedSince(walls);
  expect(countRefusedPaths(walls, '/', twice)).toEqual(['/etc/x']);
  expect(since()).toEqual([{ tool: 'files', what: '/etc/x', count: 2 }]);
});
