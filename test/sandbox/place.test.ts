/** Which files count as the walls around a folder. */
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { putWallsAround, takeWallsFrom, wallsAround } from '../../src/sandbox/place.ts';
import type { Walls } from '../../src/sandbox/walls.ts';
import { temporaryFolder } from '../support/home.ts';

const walls = (name: string): Walls => ({
  writable: [],
  readable: [],
  temporary: `/${name}`,
  home: '/home',
  bounds: { memory: 1e9, processes: 100, disk: 1e9, running: '/r', sandbox: '/s', folders: [] },
});
/** An account that is not the one of the tests. */
const OTHER = 65_534;

it('those of the outermost folder count, until they are taken away', async () => {
  await using folder = await temporaryFolder();
  const [outer, inner] = [join(folder.path, 'outer'), join(folder.path, 'outer', 'inner')];
  mkdirSync(inner, { recursive: true });
  putWallsAround(inner, walls('inner'));
  expect(wallsAround(join(inner, 'deep'))).toEqual(walls('inner'));
  putWallsAround(outer, walls('outer'));
  expect(wallsAround(inner)).toEqual(walls('outer'));
  for (const each of [inner, outer]) takeWallsFrom(each);
  expect(wallsAround(inner)).toBeUndefined();
});

it('unreadable ones let nothing run', async () => {
  await using folder = await temporaryFolder();
  writeFileSync(`${folder.path}/place.walls`, '{');
  expect(() => wallsAround(`${folder.path}/place`)).toThrow('is unreadable: nothing runs in');
});

it.runIf(process.geteuid?.() === 0)('a file of another account is none of ours', async () => {
  await using folder = await temporaryFolder();
  const place = join(folder.path, 'checkout');
  for (const text of [JSON.stringify(walls('theirs')), 'anything']) {
    writeFileSync(`${place}.walls`, text);
    chownSync(`${place}.walls`, OTHER, OTHER);
    expect(wallsAround(place)).toBeUndefined();
  }
});
