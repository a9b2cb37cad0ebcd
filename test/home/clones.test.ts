import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { clonePath, listClones, unfinishedClonePath, removeClone, withClone } from '../../src/home/clones.ts';
import { temporaryHome } from '../support/home.ts';

const URL = 'https://example.com/team/shop.git';
const never = new AbortController().signal;

it('a clone is made once for all who want it at once', async () => {
  await using home = await temporaryHome();
  const path = clonePath(home, URL);
  let made = 0;
  let using = 0;
  const want = (): Promise<number> =>
    withClone(
      path,
      async (folder) => {
        made += 1;
        await mkdir(folder);
      },
      async () => {
        using += 1;
        expect(using).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 5));
        return using--;
      },
      never,
    );
  await Promise.all([want(), want(), want()]);
  expect(made).toBe(1);
  expect(await listClones(home)).toEqual([path]);
});

it('a making that fails, or was cut short, leaves nothing, and the next one begins anew', async () => {
  await using home = await temporaryHome();
  const path = clonePath(home, URL);
  await mkdir(unfinishedClonePath(path));
  await writeFile(join(unfinishedClonePath(path), 'half'), '');
  const failing = withClone(
    path,
    async (folder) => {
      expect(existsSync(folder)).toBe(false);
      await mkdir(folder);
      throw new Error('no network');
    },
    async () => undefined,
    never,
  );
  await expect(failing).rejects.toThrow('no network');
  expect([existsSync(path), existsSync(unfinishedClonePath(path))]).toEqual([false, false]);
  expect(await listClones(home)).toEqual([]);
  await withClone(
    path,
    async (folder) => void (await mkdir(folder)),
    async () => undefined,
    never,
  );
  await removeClone(path);
  expect(await listClones(home)).toEqual([]);
});

it('who waits for a clone stops waiting when told', async () => {
  await using home = await temporaryHome();
  const path = clonePath(home, URL);
  const abort = new AbortController();
  let go: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (go = resolve));
  const first = withClone(
    path,
    async (folder) => void (await mkdir(folder)),
    () => held,
    never,
  );
  const second = withClone(
    path,
    async () => undefined,
    async () => undefined,
    abort.signal,
  );
  abort.abort(new Error('killed'));
  await expect(second).rejects.toThrow();
  go();
  await first;
});

it('URLs with the same last part have clones of their own', async () => {
  await using home = await temporaryHome();
  expect(clonePath(home, URL)).not.toBe(clonePath(home, 'https://example.com/other/shop.git'));
  expect(clonePath(home, URL)).toMatch(/\/shop-[0-9a-f]{12}$/);
});
