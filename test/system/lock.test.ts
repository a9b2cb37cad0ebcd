import { readdir, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { tryLock } from '../../src/system/lock.ts';
import { processSpace } from '../../src/system/process.ts';
import { IN_PID_NAMESPACE, startChild } from '../support/child.ts';
import { temporaryFolder } from '../support/home.ts';

const holdLock = (dir: string, env?: Record<string, string>, within?: readonly string[]) =>
  startChild(import.meta.url, 'children/hold-lock.ts', [dir], env, within);
/** The program `flock` is not found. */
const WITHOUT_FLOCK = { PATH: '/nowhere' };
const [unshare = '', ...unshareWords] = IN_PID_NAMESPACE;
const canUnshare = spawnSync(unshare, [...unshareWords, 'true']).status === 0;
/** Of processes, without the file of the operating system's lock, which stays. */
const entriesIn = async (dir: string): Promise<string[]> =>
  (await readdir(dir)).filter((name) => name !== 'os-lock');

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
  expect(await entriesIn(folder.path)).toHaveLength(1);
  answer.lock.release();
  expect(await entriesIn(folder.path)).toEqual([]);
});

test('a holder that is frozen keeps it', async () => {
  await using folder = await temporaryFolder();
  await using holder = holdLock(folder.path);
  holder.say('go');
  await holder.line(/^mine$/);
  process.kill(holder.pid, 'SIGSTOP');
  expect(await tryLock(folder.path)).toMatchObject({ holder: { pid: holder.pid } });
});

test('an entry of a reused pid is nobody’s: the start time decides', async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, `${process.pid}.00000000-1.0.${processSpace()}`), '');
  expect(await tryLock(folder.path)).toHaveProperty('lock');
});

test('released, it can be taken again, by the same process too', async () => {
  await using folder = await temporaryFolder();
  const first = await tryLock(folder.path);
  expect(await tryLock(folder.path)).toMatchObject({ holder: { pid: process.pid } });
  if ('lock' in first) first.lock.release();
  expect(await tryLock(folder.path)).toHaveProperty('lock');
});

test.each([
  ['where neither has `flock`', WITHOUT_FLOCK, WITHOUT_FLOCK],
  ['where the holder alone has it', {}, WITHOUT_FLOCK],
  ['where the holder lacks it', WITHOUT_FLOCK, {}],
])('one process has it, %s', async (_, env, other) => {
  await using folder = await temporaryFolder();
  await using holder = holdLock(folder.path, env);
  holder.say('go');
  await holder.line(/^mine$/);
  await using second = holdLock(folder.path, other);
  second.say('go');
  expect(Number((await second.line(/^held by (\d+) since/))[1])).toBe(holder.pid);
  await holder.kill();
  await using third = holdLock(folder.path, other);
  third.say('go');
  await third.line(/^mine$/);
});

test.runIf(canUnshare)('it holds in another PID namespace, and says on which host it is held', async () => {
  await using folder = await temporaryFolder();
  await using holder = holdLock(folder.path, {}, IN_PID_NAMESPACE);
  holder.say('go');
  await holder.line(/^mine$/);
  expect(await tryLock(folder.path)).toMatchObject({ holder: { elsewhere: hostname() } });
  for (const env of [{}, WITHOUT_FLOCK]) {
    await using second = holdLock(folder.path, env);
    second.say('go');
    await second.line(/^held by \d+ since/);
  }
  await holder.kill();
  const answer = await tryLock(folder.path);
  if (!('lock' in answer)) throw new Error('the lock of a dead process was respected');
  // And the other way round.
  await using inside = holdLock(folder.path, {}, IN_PID_NAMESPACE);
  inside.say('go');
  expect(Number((await inside.line(/^held by (\d+) since/))[1])).toBe(process.pid);
  answer.lock.release();
});

test.runIf(canUnshare)(
  'without `flock`, one of another PID namespace has it as long as it says so',
  async () => {
    await using folder = await temporaryFolder();
    await using holder = holdLock(folder.path, {}, [...IN_PID_NAMESPACE, 'env', 'PATH=/nowhere']);
    holder.say('go');
    await holder.line(/^mine$/);
    expect(await tryLock(folder.path)).toMatchObject({ holder: { elsewhere: hostname() } });
    await holder.kill();
    const [entry = ''] = await entriesIn(folder.path);
    const longAgo = new Date(Date.now() - 3_600_000);
    await utimes(join(folder.path, entry), longAgo, longAgo);
    expect(await tryLock(folder.path)).toHaveProperty('lock');
  },
);
