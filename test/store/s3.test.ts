/** A store in a bucket of a real service, and the same behind a proxy that attacks it. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { newRing } from '../../src/keys/key-ring.ts';
import { carryOut, planClean } from '../../src/store/clean.ts';
import { resultName, uploadName } from '../../src/store/records.ts';
import { Store } from '../../src/store/store.ts';
import { it, startBucket, type Bucket } from '../support/bucket.ts';
import { startS3Proxy, type Attack, type S3Proxy } from '../support/s3-proxy.ts';
import { bytes, contentOf, keysOf, result, upload } from '../support/store.ts';

const BIG = 9_500_000;
const SMALL = 1_000;
let bucket: Bucket;
let proxy: S3Proxy;
const ring = newRing('refused');
/** Why calls were repeated. */
const waits: string[] = [];

const open = async ({ patienceMs = 20_000, timeoutMs = 60_000, direct = false } = {}): Promise<Store> => {
  const env = bucket.env(direct ? undefined : proxy.endpoint);
  const store = await Store.open({
    env,
    keys: await keysOf(ring),
    patienceMs,
    timeoutMs,
    onWait: (why) => waits.push(why),
  });
  return store!;
};

beforeAll(async () => {
  bucket = await startBucket();
  proxy = await startS3Proxy(bucket.endpoint);
}, 600_000);
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await bucket?.[Symbol.asyncDispose]();
});

/** Attacks the requests that `which` names, the first `times` of them. */
function attack(what: Attack, which: (method: string, path: string) => boolean, times = Infinity): void {
  let left = times;
  proxy.attack = ({ method, path }) => (which(method, path) && left-- > 0 ? what : 'none');
  waits.length = 0;
}
const isPut = (method: string): boolean => method === 'PUT';
const isGet = (method: string): boolean => method === 'GET';
const calm = (): void => attack('none', () => false);

describe('a store in a bucket', () => {
  it('is made by init alone, and is read by its keys', async () => {
    const env = bucket.env();
    const keys = await keysOf(ring);
    await expect(Store.open({ env, keys })).rejects.toMatchObject({ code: 'NO_STORE' });
    const { id } = await Store.init({ env, keys });
    await expect(Store.init({ env, keys })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    const store = await open({ direct: true });
    expect(store.id).toBe(id);
    await store.probe('runs');
    for (const size of [0, SMALL, BIG]) {
      await store.put(upload(`u${size}`), bytes(size));
      const found = await contentOf(await store.get(uploadName(`u${size}`)));
      expect(found.equals(Buffer.concat([...bytes(size)])), `${size} bytes`).toBe(true);
    }
    expect(await store.get(uploadName('none'))).toBeUndefined();
    const { objects, loose } = await store.list();
    expect([objects.length, loose.length]).toEqual([3, 0]);
    expect(await readdir(join(bucket.folder, 'team', 'in'))).toHaveLength(3 + 3);
  });

  it('has one winner of several writers', async () => {
    const stores = await Promise.all([1, 2, 3].map(() => open({ direct: true })));
    const all = await Promise.all(
      stores.map((store, seed) => store.put(result('race', seed + 1), bytes(BIG, seed + 1))),
    );
    expect(all.filter(({ before }) => before === undefined)).toHaveLength(1);
    const kept = await stores[0]!.get(resultName('race'));
    const seed = kept?.record.kind === 'result' ? kept.record.commits : 0;
    expect((await contentOf(kept)).equals(Buffer.concat([...bytes(BIG, seed)]))).toBe(true);
  });

  it('is cleaned of orphans', async () => {
    const store = await open({ direct: true });
    const plan = await planClean(await store.list(), { now: new Date(Date.now() + 9 * 24 * 3_600_000) });
    expect(plan.decided.filter(({ remove }) => remove)).toHaveLength(3);
    await carryOut(store, plan);
    expect((await store.list()).objects.map(({ record }) => record?.kind)).toEqual(['result']);
  });

  it('names a bucket that is not there, wrong credentials, and nobody at the address', async () => {
    const keys = await keysOf(ring);
    const at = (more: Readonly<Record<string, string>>) =>
      Store.open({ env: { ...bucket.env(), ...more }, keys, patienceMs: 500 });
    await expect(at({ SUBAGENTS_STORE: 's3://no-such-bucket' })).rejects.toMatchObject({ code: 'NO_STORE' });
    await expect(at({ AWS_SECRET_ACCESS_KEY: 'wrong' })).rejects.toMatchObject({
      code: 'STORE_DENIED',
      message: expect.stringContaining('403') as string,
    });
    await expect(at({ AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' })).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
    });
  });
});

describe('an attacked store', () => {
  const CLEAR: Readonly<Record<string, readonly [Attack, string]>> = {
    '403': [{ status: 403, code: 'AccessDenied' }, 'STORE_DENIED'],
    full: [{ status: 507, code: 'XMinioStorageFull' }, 'DISK_FULL'],
    '503 for longer than the patience': [{ status: 503, code: 'SlowDown' }, 'STORE_UNREACHABLE'],
    silent: ['silent', 'STORE_UNREACHABLE'],
    'cut while it is sent': ['cut-request', 'STORE_UNREACHABLE'],
    'changed while it is sent': ['corrupt-request', 'STORE_UNREACHABLE'],
  };
  it.each(Object.keys(CLEAR))('%s: says so, and nothing of the write counts', async (name) => {
    const [what, code] = CLEAR[name]!;
    calm();
    const store = await open({ patienceMs: 1_000, timeoutMs: 500 });
    attack(what, isPut);
    const id = `bad-${name}`;
    await expect(store.put(upload(id), bytes(BIG))).rejects.toMatchObject({ code });
    calm();
    expect(await store.get(uploadName(id))).toBeUndefined();
    expect(await store.put(upload(id), bytes(SMALL))).toEqual({ bytes: SMALL });
    expect((await store.list()).loose).toEqual([]);
  });

  const PASSING: Readonly<Record<string, readonly [Attack, (method: string) => boolean]>> = {
    '503 twice': [{ status: 503, code: 'SlowDown' }, () => true],
    'cut while it is sent': ['cut-request', isPut],
    'its answer lost': ['lose-answer', isPut],
    'changed while it is sent': ['corrupt-request', isPut],
    'cut while it is read': ['cut-answer', isGet],
    'changed while it is read': ['corrupt-answer', isGet],
  };
  it.each(Object.keys(PASSING))('%s: is tried again, and what is read is what was written', async (name) => {
    const [what, which] = PASSING[name]!;
    calm();
    const store = await open();
    const id = `late-${name}`;
    for (const size of [SMALL, BIG]) {
      attack(what, which, 2);
      expect(await store.put(upload(`${id}-${size}`), bytes(size))).toEqual({ bytes: size });
      attack(what, which, 2);
      const found = await contentOf(await store.get(uploadName(`${id}-${size}`)));
      expect(found.equals(Buffer.concat([...bytes(size)]))).toBe(true);
    }
    calm();
    expect((await store.list()).loose).toEqual([]);
  });

  it('never gives out what is changed for good, or is missing a part', async () => {
    calm();
    const store = await open();
    await store.put(upload('changed'), bytes(BIG));
    attack('corrupt-answer', isGet);
    await expect(store.get(uploadName('changed'))).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    calm();
    const folder = join(bucket.folder, 'team', 'in');
    const names = await readdir(folder);
    const before = new Set((await readdir(folder)).filter((name) => name.includes('.')));
    await store.put(upload('part'), bytes(BIG, 7));
    const chunk = (await readdir(folder)).find((name) => name.includes('.000001') && !before.has(name))!;
    expect(names).not.toContain(chunk);
    expect((await stat(join(folder, chunk))).size).toBeGreaterThan(1_000_000);
    await rm(join(folder, chunk));
    const found = await store.get(uploadName('part'));
    await expect(contentOf(found)).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
      message: expect.stringContaining('part 2 of 3') as string,
    });
  });

  it('is given up by who interrupts it, at once', async () => {
    calm();
    const store = await open();
    attack({ status: 503, code: 'SlowDown' }, isPut);
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('Ctrl-C')), 300);
    const began = Date.now();
    await expect(store.put(upload('stopped'), bytes(BIG), { signal: stop.signal })).rejects.toThrow('Ctrl-C');
    expect(Date.now() - began).toBeLessThan(15_000);
    expect(waits[0]).toContain('503');
    calm();
    expect(await store.get(uploadName('stopped'))).toBeUndefined();
  });

  it('is refused where it writes over what is there', async () => {
    calm();
    const store = await open();
    let put = 0;
    // As a service that ignores the condition.
    proxy.attack = ({ method }) => (method === 'PUT' && ++put === 2 ? { status: 200, code: '' } : 'none');
    await expect(store.probe('runs')).rejects.toMatchObject({
      code: 'STORE_DENIED',
      message: expect.stringContaining('over another') as string,
    });
  });
});
