import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tryLock } from '../../src/system/lock.ts';
import { startChild } from '../support/child.ts';
import { temporaryFolder } from '../support/home.ts';

const holdLock = (dir: string) => startChild(import.meta.url, 'children/hold-lock.ts', [dir]);

test('of many processes that want it at the same moment exactly one gets it, and the others hear who', async () => {
  await using folder = await temporaryFolder();
  const dir = join(folder.path, 'lock');
  const children = Array.from({ length: 4 }, () => holdLock(dir));
  try {
    await Promise.all(children.map((child) => child.line(/^ready$/)));
    for (const child of children) child.say('go');
    const answers = await Promise.all(children.map((child) => child.line(/^mine$|^held by (\d+)/)));
    const winners = children.filter((_, index) => answers[index]?.[0] === 'mine');
    expect(winners).toHaveLength(1);
    const losers = answers.filter(([said]) => said !== 'mine');
    expect(losers.map(([, pid]) => Number(pid))).toEqual(Array(3).fill(winners[0]?.pid));
  } finally {
    await Promise.all(children.map((child) => child.kill()));
  }
});

test('a holder that is killed with SIGKILL loses it, and leaves nothing behind', async () => {
  await using folder = await temporaryFolder();
  await using holder = holdLock(folder.path);
  holder.say('go');
  await holder.line(/^mine$/);
  const busy = await tryLock(folder.path);
  expect(busy).toMatchObject({ holder: { pid: holder.pid } });

  await holder.kill();
  const answer = await tryLock(folder.path);
  if (!('lock' in answer)) throw new Error('the lock of a dead process was respected');
  expect(await readdir(folder.path)).toHaveLength(1);
  answer.lock.release();
  expect(await readdir(folder.path)).toEqual([]);
});

test('a holder that is frozen keeps it', async () => {
  await using folder = await temporaryFolder();
  await using holder = holdLock(folder.path);
  holder.say('go');
  await holder.line(/^mine$/);
  process.kill(holder.pid, 'SIGSTOP');
  expect(await tryLock(folder.path)).toMatchObject({ holder: { pid: holder.pid } });
});

test('a claim of a reused pid is nobody’s: the start time decides', async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, `${process.pid}.00000000-1.0`), 'held');
  expect(await tryLock(folder.path)).toHaveProperty('lock');
});

test('released, it can be taken again, by the same process too', async () => {
  await using folder = await temporaryFolder();
  const first = await tryLock(folder.path);
  expect(await tryLock(folder.path)).toMatchObject({ holder: { pid: process.pid } });
  if ('lock' in first) first.lock.release();
  expect(await tryLock(folder.path)).toHaveProperty('lock');
});
