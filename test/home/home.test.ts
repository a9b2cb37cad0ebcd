import { cp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CONTRACT_VERSION } from '../../src/contract/protocol/version.ts';
import { openHome, readHome } from '../../src/home/home.ts';
import { homeRoot } from '../../src/system/home-root.ts';
import { startChild } from '../support/child.ts';
import { temporaryFolder, temporaryHome } from '../support/home.ts';

test('a new home has an identity, its folders are 0700 and its files 0600', async () => {
  await using home = await temporaryHome();
  expect(home.workerId).toMatch(/^w-[a-z2-7]{8}$/);
  expect(home).toMatchObject({ host: hostname(), user: userInfo().username, notices: [] });
  expect(home.hostQueue).toContain(`${home.user}@${home.host}`);
  expect((await stat(home.root)).mode & 0o777).toBe(0o700);
  for (const entry of await readdir(home.root, { recursive: true, withFileTypes: true })) {
    const { mode } = await stat(join(entry.parentPath, entry.name));
    expect(mode & 0o777, entry.name).toBe(entry.isDirectory() ? 0o700 : 0o600);
  }
});

test('a folder that others could read is closed to them', async () => {
  await using folder = await temporaryFolder();
  const { chmod } = await import('node:fs/promises');
  await chmod(folder.path, 0o755);
  await openHome(folder.path);
  expect((await stat(folder.path)).mode & 0o777).toBe(0o700);
});

test('it stays the same worker, also where it was moved to', async () => {
  await using folder = await temporaryFolder();
  const [here, there] = [join(folder.path, 'here'), join(folder.path, 'there')];
  const { workerId } = await openHome(here);
  expect(await openHome(here)).toMatchObject({ workerId, notices: [] });
  await rename(here, there);
  expect(await openHome(there)).toMatchObject({ workerId, notices: [] });
  expect(await readHome(there)).toMatchObject({ workerId });
});

test('a copy is another worker, and says so', async () => {
  await using folder = await temporaryFolder();
  const [here, there] = [join(folder.path, 'here'), join(folder.path, 'there')];
  const original = await openHome(here);
  await cp(here, there, { recursive: true });
  expect(await readHome(there)).toMatchObject({ workerId: undefined });
  const copy = await openHome(there);
  expect(copy.workerId).not.toBe(original.workerId);
  expect(copy.notices).toEqual([expect.stringContaining(`copy of the home of worker ${original.workerId}`)]);
  expect(await openHome(there)).toMatchObject({ workerId: copy.workerId, notices: [] });
  expect(await openHome(here)).toMatchObject({ workerId: original.workerId, notices: [] });
});

test('on another machine it is another worker; a name given to the machine decides', async () => {
  await using folder = await temporaryFolder();
  const on = (host: string) => ({ SUBAGENTS_HOST: host });
  const first = await openHome(folder.path, on('a'));
  expect(first.host).toBe('a');
  const second = await openHome(folder.path, on('b'));
  expect(second.workerId).not.toBe(first.workerId);
  expect(second.host).toBe('b');
  expect(await openHome(folder.path, on('b'))).toMatchObject({ workerId: second.workerId });
});

test('several that open a new home at once agree on who they are', async () => {
  await using folder = await temporaryFolder();
  const root = join(folder.path, 'home');
  const children = Array.from({ length: 3 }, () =>
    startChild(import.meta.url, 'children/open-home.ts', [root]),
  );
  try {
    await Promise.all(children.map((child) => child.line(/^ready$/)));
    for (const child of children) child.say('go');
    const ids = await Promise.all(children.map((child) => child.line(/^w-\w+$/)));
    expect(new Set(ids.map(([id]) => id)).size).toBe(1);
  } finally {
    await Promise.all(children.map((child) => child.kill()));
  }
});

test('reading a home makes nothing', async () => {
  await using folder = await temporaryFolder();
  const root = join(folder.path, 'home');
  expect(await readHome(root)).toMatchObject({ root, workerId: undefined, host: hostname() });
  expect(await readdir(folder.path)).toEqual([]);
});

test('an identity that cannot be read is not replaced in silence', async () => {
  await using home = await temporaryHome();
  const path = join(home.root, 'identity.json');
  await writeFile(path, '{"workerId":');
  await expect(openHome(home.root)).rejects.toMatchObject({
    code: 'INTERNAL',
    message: expect.stringContaining(path) as string,
    remedy: expect.stringContaining(`remove ${path}`) as string,
  });
  await rm(path);
  expect((await openHome(home.root)).workerId).not.toBe(home.workerId);
});

test('a home of another contract is refused in one sentence, and left as it is', async () => {
  await using folder = await temporaryFolder();
  await openHome(folder.path);
  const path = join(folder.path, 'identity.json');
  const identity = JSON.parse(await readFile(path, 'utf8')) as { contract: number };
  const without = JSON.stringify({ ...identity, contract: undefined });
  for (const text of [without, JSON.stringify({ ...identity, contract: CONTRACT_VERSION + 1 })]) {
    await writeFile(path, text);
    await rm(join(folder.path, 'runs'), { recursive: true, force: true });
    await expect(openHome(folder.path)).rejects.toMatchObject({
      code: 'OTHER_CONTRACT',
      message: expect.stringMatching(
        /^the home .* was made by another version .* nothing in it was changed$/,
      ) as string,
      remedy: expect.stringContaining('SUBAGENTS_HOME') as string,
    });
    expect(await readFile(path, 'utf8')).toBe(text);
    expect(await readdir(folder.path)).not.toContain('runs');
  }
});

test('a place where no home can be is named', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'file');
  await writeFile(file, '');
  await expect(openHome(join(file, 'home'))).rejects.toMatchObject({
    code: 'FILE_ACCESS',
    message: expect.stringContaining(join(file, 'home')) as string,
  });
});

test('the home is the one named, else SUBAGENTS_HOME, else ~/.subagents', () => {
  expect(homeRoot('/a', { SUBAGENTS_HOME: '/b' })).toBe('/a');
  expect(homeRoot(undefined, { SUBAGENTS_HOME: '/b' })).toBe('/b');
  expect(homeRoot(undefined, { SUBAGENTS_HOME: '' })).toMatch(/\/\.subagents$/);
});
