import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isWithin, realTarget } from '../../src/system/real-path.ts';
import { temporaryFolder } from '../support/home.ts';

describe('where a path really leads', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let root: string;

  beforeAll(async () => {
    folder = await temporaryFolder();
    root = realpathSync(folder.path);
    for (const name of ['in/deep', 'out']) mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, 'out/file'), '');
    symlinkSync(join(root, 'out'), join(root, 'in/folder'));
    symlinkSync('../out/not-yet', join(root, 'in/dangling'));
    symlinkSync('loop', join(root, 'in/loop'));
    symlinkSync('/proc/self/cwd', join(root, 'in/process'));
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  it.each([
    ['in/deep', 'in/deep'],
    ['in/deep/../../out/file', 'out/file'],
    ['in/folder/file', 'out/file'],
    ['in/folder/new/file', 'out/new/file'],
    ['in/folder/../in', 'in'],
    ['in/dangling', 'out/not-yet'],
    ['in/not-yet/../../out', 'out'],
  ])('%s is %s', (path, real) => {
    expect(realTarget(`${root}/${path}`)).toBe(join(root, real));
  });

  it('tells no place for a circle, nor for a link of a process', () => {
    expect(realTarget(join(root, 'in/loop'))).toBeUndefined();
    expect(realTarget(join(root, 'in/process/file'))).toBeUndefined();
  });

  it('does not take a name that begins alike for a folder within', () => {
    expect(isWithin('/a/b', '/a/b/c')).toBe(true);
    expect(isWithin('/a/b', '/a/b')).toBe(true);
    expect(isWithin('/a/b', '/a/bc')).toBe(false);
    expect(isWithin('/', '/a')).toBe(true);
  });
});
