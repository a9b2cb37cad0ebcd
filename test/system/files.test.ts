import { readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { createPrivateFile, withDiskErrors, readIfThere, writePrivateFile } from '../../src/system/files.ts';
import { startChild } from '../support/child.ts';
import { temporaryFolder } from '../support/home.ts';

test('a file is replaced as a whole, is 0600 whatever it was, and leaves no draft', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  await writeFile(path, 'old', { mode: 0o644 });
  writePrivateFile(path, 'new');
  expect(readIfThere(path)).toBe('new');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder.path)).toEqual(['file']);
});

test('a reader never sees a part, also when the writer is killed', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  await using writer = startChild(import.meta.url, 'children/rewrite.ts', [path]);
  await writer.line(/^writing$/);
  for (let reads = 0; reads < 200; reads++) {
    const text = await readFile(path, 'utf8');
    expect(text).toBe((text[0] ?? '').repeat(100_000));
  }
  await writer.kill();
  const text = await readFile(path, 'utf8');
  expect(text).toBe((text[0] ?? '').repeat(100_000));
});

test('of two that make a file one succeeds, and its content stays', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  expect(createPrivateFile(path, 'first')).toBe(true);
  expect(createPrivateFile(path, 'second')).toBe(false);
  expect(readIfThere(path)).toBe('first');
  expect(await readdir(folder.path)).toEqual(['file']);
});

test('a full disk is called that, with the place', () => {
  expect(() => withDiskErrors('/home/file', () => writeFileSync('/dev/full', 'x'))).toThrow(
    expect.objectContaining({
      code: 'DISK_FULL',
      message: 'no space left to write /home/file',
      remedy: expect.stringContaining('/home') as string,
    }),
  );
});

test('what cannot be written is named', () => {
  expect(() => writePrivateFile('/nowhere/at/all', '')).toThrow(
    expect.objectContaining({ code: 'FILE_ACCESS', message: 'cannot write /nowhere/at/all: ENOENT' }),
  );
});

test('what is no file is refused at once, also behind a link: a FIFO, a device without an end', async () => {
  await using folder = await temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  await execa('mkfifo', [at('fifo')]);
  await symlink(at('fifo'), at('link'));
  await symlink('/dev/zero', at('zero'));
  for (const name of ['fifo', 'link', 'zero'])
    expect(() => readIfThere(at(name))).toThrow(`EINVAL: ${at(name)} is not a file`);
  expect(() => readIfThere(folder.path)).toThrow('EISDIR');
  expect(readIfThere('/dev/null')).toBe('');
});
