/** A store in a folder: what is written is there whole, or not at all, and nothing else is taken for it. */
import { randomUUID } from 'node:crypto';
import {
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  utimes,
  writeFile,
  copyFile,
  truncate,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newRing, withCurrent, withNewKey, withoutKey } from '../../src/keys/key-ring.ts';
import { carryOut, planClean } from '../../src/store/clean.ts';
import { storePlaceOf } from '../../src/store/place.ts';
import { nameOf, resultName, uploadName } from '../../src/store/records.ts';
import { Store } from '../../src/store/store.ts';
import { temporaryFolder } from '../support/home.ts';
import { accepted, bytes, contentOf, inFolder, keysOf, merged, result, upload } from '../support/store.ts';

const BIG = 9_500_000;

async function newStore(ring = newRing('refused')) {
  const folder = await temporaryFolder();
  const env = inFolder(folder.path);
  const keys = await keysOf(ring);
  const store = await Store.init({ env, keys, patienceMs: 0 });
  return {
    folder: join(folder.path, 'store'),
    env,
    keys,
    ring,
    store,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** The files below `folder` that are objects. */
const files = async (folder: string): Promise<string[]> =>
  (
    await Promise.all(
      ['in', 'runs'].map((area) =>
        readdir(join(folder, area)).then(
          (names) => names.map((name) => `${area}/${name}`),
          () => [],
        ),
      ),
    )
  ).flat();

describe('a store', () => {
  it('is made once, by init alone, and opened with its own keys only', async () => {
    await using made = await newStore();
    const { env, keys, store } = made;
    expect((await Store.open({ env, keys }))?.id).toBe(store.id);
    await expect(Store.init({ env, keys })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await expect(Store.open({ env, keys: undefined })).rejects.toMatchObject({ code: 'KEYS_UNREADABLE' });
    await expect(Store.open({ env, keys: await keysOf() })).rejects.toMatchObject({
      code: 'OTHER_STORE',
      message: expect.stringContaining(keys.name) as string,
    });
    expect(await Store.open({ env: {}, keys })).toBeUndefined();
    await rm(join(made.folder, 'store.json'));
    await expect(Store.open({ env, keys })).rejects.toMatchObject({
      code: 'NO_STORE',
      remedy: expect.stringContaining('subagents store init') as string,
    });
    expect(await readdir(made.folder)).not.toContain('store.json');
  });

  it('does not take the id that somebody without the keys wrote', async () => {
    await using made = await newStore();
    const path = join(made.folder, 'store.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace(made.store.id, 's-aaaaaaaa'));
    await expect(Store.open(made)).rejects.toMatchObject({ code: 'OTHER_STORE' });
    await writeFile(path, '{');
    await expect(Store.open(made)).rejects.toMatchObject({ code: 'OTHER_STORE' });
  });

  it.each([0, 1, 65_536, 65_537, 4 * 1024 * 1024, BIG])('gives back a content of %i bytes', async (size) => {
    await using made = await newStore();
    let told = 0;
    const put = await made.store.put(upload('u'), bytes(size), { onProgress: (sum) => (told = sum) });
    expect([put, told]).toEqual([{ bytes: size }, size]);
    const found = await made.store.get(uploadName('u'));
    expect(found).toMatchObject({ record: upload('u'), bytes: size });
    expect((await contentOf(found)).equals(Buffer.concat([...bytes(size)]))).toBe(true);
    expect(await readdir(join(made.folder, 'drafts'))).toEqual([]);
  });

  it('says nothing of what is in it to whoever has no keys', async () => {
    await using made = await newStore();
    await made.store.put(result('run-id'), [Buffer.from('the work')]);
    const [name = ''] = await files(made.folder);
    const content = await readFile(join(made.folder, name));
    for (const word of ['fix', 'default', 'run-id', 'the work'])
      expect(`${name} ${content.toString('latin1')}`).not.toContain(word);
  });

  it('keeps the first of two writers, and tells the second what is there', async () => {
    await using made = await newStore();
    const { store } = made;
    const all = await Promise.all([1, 2, 3, 4].map((seed) => store.put(result('r', seed), bytes(BIG, seed))));
    const winners = all.filter(({ before }) => before === undefined);
    expect(winners).toHaveLength(1);
    const kept = await store.get(resultName('r'));
    const seed = kept?.record.kind === 'result' ? kept.record.commits : 0;
    expect((await contentOf(kept)).equals(Buffer.concat([...bytes(BIG, seed)]))).toBe(true);
    for (const { before } of all) if (before) expect(before).toEqual(kept?.record);
    // Nothing of the others is left.
    expect((await store.list()).loose).toEqual([]);
  });

  it('has nothing of a write that was interrupted, or whose source failed', async () => {
    await using made = await newStore();
    const stop = new AbortController();
    const interrupted = made.store.put(upload('u'), bytes(BIG), {
      signal: stop.signal,
      onProgress: (sum) => sum > 5_000_000 && stop.abort(new Error('Ctrl-C')),
    });
    await expect(interrupted).rejects.toThrow('Ctrl-C');
    async function* failing() {
      yield* bytes(BIG);
      throw new Error('no such object');
    }
    await expect(made.store.put(upload('u'), failing())).rejects.toThrow('no such object');
    expect(await made.store.get(uploadName('u'))).toBeUndefined();
    expect(await files(made.folder)).toEqual([]);
    expect(await made.store.put(upload('u'), bytes(3))).toEqual({ bytes: 3 });
  });

  it('reads what was written under an older key, and says which key is missing', async () => {
    await using made = await newStore();
    await made.store.put(upload('old'), bytes(BIG));
    const { ring, id } = withNewKey(made.ring);
    const rotated = withCurrent(ring, id);
    const after = (await Store.open({ ...made, keys: await keysOf(rotated) }))!;
    await after.put(upload('new'), bytes(10));
    expect((await contentOf(await after.get(uploadName('old')))).length).toBe(BIG);
    const without = (await Store.open({
      ...made,
      keys: await keysOf(withoutKey(rotated, made.ring.current)),
    }))!;
    await expect(without.get(uploadName('old'))).rejects.toMatchObject({
      code: 'KEY_MISSING',
      message: expect.stringContaining(made.ring.current) as string,
    });
    expect((await contentOf(await without.get(uploadName('new')))).length).toBe(10);
  });
});

describe('an object that is not as it was written', () => {
  async function withObjects() {
    const made = await newStore();
    await made.store.put(upload('one'), bytes(BIG, 1));
    const first = await files(made.folder);
    await made.store.put(upload('two'), bytes(BIG, 2));
    const all = await files(made.folder);
    const of = (names: readonly string[]) => names.map((name) => join(made.folder, name)).sort();
    return { ...made, one: of(first), two: of(all.filter((name) => !first.includes(name))) };
  }
  const read = async (store: Store) => contentOf(await store.get(uploadName('one')));

  const ATTACKS: Readonly<Record<string, (one: readonly string[], two: readonly string[]) => Promise<void>>> =
    {
      'cut short': async ([, chunk = '']) => truncate(chunk, 1_000_000),
      'a head cut short': async ([head = '']) => truncate(head, 100),
      empty: async ([head = '']) => truncate(head, 0),
      'a byte changed': async ([, , chunk = '']) => {
        const content = await readFile(chunk);
        content[content.length - 100]! ^= 1;
        await writeFile(chunk, content);
      },
      'the last chunk missing': async (one) => rm(one.at(-1)!),
      'two chunks exchanged': async ([, a = '', b = '']) => {
        await rename(a, `${a}-`);
        await rename(b, a);
        await rename(`${a}-`, b);
      },
      'a chunk of another object': async ([, mine = ''], [, theirs = '']) => copyFile(theirs, mine),
      'the head of another object': async ([mine = ''], [theirs = '']) => copyFile(theirs, mine),
    };
  it.each(Object.keys(ATTACKS))('%s is noticed, and the others are read', async (name) => {
    await using made = await withObjects();
    await ATTACKS[name]!(made.one, made.two);
    await expect(read(made.store)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    expect((await contentOf(await made.store.get(uploadName('two')))).length).toBe(BIG);
    const { objects } = await made.store.list();
    expect(objects).toHaveLength(2);
    const plan = await planClean({ objects, loose: [] }, { now: new Date(Date.now() + 9e9) });
    const unreadable = plan.decided.filter(({ object }) => object.record === undefined);
    for (const { remove, why } of unreadable)
      expect([remove, why]).toEqual([false, expect.stringContaining('cannot be read')]);
  });

  it('is not taken from another store of the same keys', async () => {
    await using made = await newStore();
    await using other = await newStore(made.ring);
    await made.store.put(upload('u'), bytes(5));
    const [from = ''] = await files(made.folder);
    await copyFile(join(made.folder, from), join(other.folder, from));
    // It has another address there, and at that of its own it is bound to the other store.
    expect(await other.store.get(uploadName('u'))).toBeUndefined();
    await other.store.put(upload('u'), bytes(5));
    const own = (await files(other.folder)).find((name) => name !== from)!;
    await copyFile(join(made.folder, from), join(other.folder, own));
    await expect(other.store.get(uploadName('u'))).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  });
});

describe('a folder that refuses', () => {
  it('says so: no folder, no directory, no permission', async () => {
    await using folder = await temporaryFolder();
    const keys = await keysOf();
    const at = (path: string) => ({ env: { SUBAGENTS_STORE: path }, keys, patienceMs: 0 });
    await expect(Store.open(at(join(folder.path, 'none')))).rejects.toMatchObject({ code: 'NO_STORE' });
    await writeFile(join(folder.path, 'file'), '');
    await expect(Store.open(at(join(folder.path, 'file')))).rejects.toMatchObject({ code: 'NO_STORE' });
    await using made = await newStore();
    await rename(made.folder, `${made.folder}-away`);
    // As the folder that a file system is mounted over.
    await mkdir(made.folder);
    await expect(made.store.put(upload('u'), bytes(10))).rejects.toMatchObject({ code: 'NO_STORE' });
    expect(await readdir(made.folder)).toEqual([]);
    if (process.getuid?.() === 0) return;
    await mkdir(join(folder.path, 'closed'));
    await chmod(join(folder.path, 'closed'), 0o500);
    await expect(Store.init(at(join(folder.path, 'closed')))).rejects.toMatchObject({ code: 'STORE_DENIED' });
  });

  it('is named by an absolute path or a bucket', () => {
    const of = (value: string) => storePlaceOf({ SUBAGENTS_STORE: value });
    expect(of('/srv/store/')).toEqual({ kind: 'folder', path: '/srv/store' });
    expect(of('s3://team-store')).toEqual({ kind: 's3', bucket: 'team-store', prefix: '' });
    expect(of('s3://team/a/b/')).toEqual({ kind: 's3', bucket: 'team', prefix: 'a/b/' });
    for (const wrong of [
      'store',
      './store',
      's3://',
      's3://UPPER',
      's3://a/../b',
      'https://x',
      's3://team/a b',
    ])
      expect(() => of(wrong), wrong).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
    expect([of(''), of('  ')]).toEqual([undefined, undefined]);
  });
});

describe('clean', () => {
  const DAY = 24 * 60 * 60_000;
  const plan = async (store: Store, days: number, isMerged = () => Promise.resolve(false)) =>
    planClean(await store.list(), { now: new Date(Date.now() + days * DAY), isMerged });
  const kinds = ({ decided }: Awaited<ReturnType<typeof plan>>, removed: boolean) =>
    decided
      .filter(({ remove }) => remove === removed)
      .map(({ object }) => object.record?.kind)
      .sort();

  it('removes an upload that no spawn used after a week, and not before', async () => {
    await using made = await newStore();
    await made.store.put(upload('u'), bytes(BIG));
    expect(kinds(await plan(made.store, 6), true)).toEqual([]);
    const old = await plan(made.store, 8);
    expect(kinds(old, true)).toEqual(['upload']);
    expect(await carryOut(made.store, old)).toBeGreaterThan(BIG);
    expect(await files(made.folder)).toEqual([]);
  });

  it('keeps an upload until all the runs that it was for have ended', async () => {
    await using made = await newStore();
    const { store } = made;
    for (const record of [upload('u'), accepted('u', 'a'), accepted('u', 'b'), result('a', 0)])
      await store.put(record, []);
    const waiting = await plan(store, 30);
    expect(kinds(waiting, true)).toEqual(['accepted', 'result']);
    await carryOut(store, waiting);
    expect(kinds(await plan(store, 60), true)).toEqual([]);
    await store.put(result('b', 2), []);
    const over = await plan(store, 60);
    expect(kinds(over, true)).toEqual(['accepted', 'upload']);
    await carryOut(store, over);
    expect((await store.list()).objects.map(({ record }) => record?.kind)).toEqual(['result']);
  });

  it('never removes work that is not merged, however old, and says why', async () => {
    await using made = await newStore();
    const { store } = made;
    await store.put(result('r', 3), bytes(100));
    const ages = await plan(store, 10_000);
    expect(ages.decided).toMatchObject([{ remove: false, why: '3 commits are not known to be merged' }]);
    expect(kinds(await plan(store, 0, () => Promise.resolve(true)), true)).toEqual(['result']);
    await store.put(merged('r'), []);
    const done = await plan(store, 0);
    expect(kinds(done, true)).toEqual(['merged', 'result']);
    await carryOut(store, done);
    expect(await files(made.folder)).toEqual([]);
  });

  it('removes beside writers nothing of theirs, and what dead ones left after a week', async () => {
    await using made = await newStore();
    const { store } = made;
    const stop = new AbortController();
    const writes = [1, 2, 3].map((seed) => store.put(upload(`u${seed}`), bytes(BIG, seed)));
    const cleaning = (async () => {
      while (!stop.signal.aborted) await carryOut(store, await plan(store, 0));
    })();
    await Promise.all(writes);
    stop.abort();
    await cleaning;
    for (const seed of [1, 2, 3])
      expect((await contentOf(await store.get(uploadName(`u${seed}`)))).length).toBe(BIG);
    // The head of a write that was killed is missing, and a draft is left.
    const heads = (await files(made.folder)).filter((name) => !name.includes('.'));
    for (const head of heads) await rm(join(made.folder, head));
    const week = new Date(Date.now() - 8 * DAY);
    for (const name of [randomUUID(), 'thesis.pdf']) {
      await writeFile(join(made.folder, 'drafts', name), 'half');
      await utimes(join(made.folder, 'drafts', name), week, week);
    }
    expect((await plan(store, 6)).loose).toEqual([]);
    expect((await plan(store, 8)).loose).toHaveLength(9);
    await carryOut(store, await plan(store, 8));
    // What has no name of ours is somebody's.
    expect([await files(made.folder), await readdir(join(made.folder, 'drafts'))]).toEqual([
      [],
      ['thesis.pdf'],
    ]);
  });
});

it('each kind of object has a name of its own', () => {
  const names = [upload('x'), accepted('x', 'y'), result('x'), merged('x')].map(
    (record) => nameOf(record).name,
  );
  expect(new Set(names).size).toBe(4);
});
