import { closeSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { appendLog, boundLog, openLog } from '../../src/system/bounded-log.ts';
import { temporaryFolder } from '../support/home.ts';

it('moves what is too much to .1, and those who have the log open go on at its new end', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'a.log');
  const { fd, start } = openLog(file);
  expect(start).toBe(0);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  appendLog(fd, 'first\n');
  boundLog(file, 6);
  expect(existsSync(`${file}.1`)).toBe(false);
  appendLog(fd, 'second\n');
  boundLog(file, 6);
  expect([readFileSync(file, 'utf8'), readFileSync(`${file}.1`, 'utf8')]).toEqual(['', 'first\nsecond\n']);
  appendLog(fd, 'third\n');
  expect(readFileSync(file, 'utf8')).toBe('third\n');
  appendLog(fd, 'fourth\n');
  boundLog(file, 6);
  expect(readFileSync(`${file}.1`, 'utf8')).toBe('third\nfourth\n');
  closeSync(fd);
});

it('stays bounded where .1 cannot be written, and leaves alone what is no file', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'a.log');
  writeFileSync(file, 'too much');
  mkdirSync(`${file}.1`);
  boundLog(file, 3);
  expect(statSync(file).size).toBe(0);
  expect(() => boundLog('/dev/null', 0)).not.toThrow();
  expect(() => boundLog(join(folder.path, 'missing'), 0)).not.toThrow();
});
