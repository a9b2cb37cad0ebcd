/** The slots of a worker, and which of its pollers may ask the server for more. */
import { describe, expect, it } from 'vitest';
import { WorkSlots } from '../../activities/slot/work-slots.ts';
import { pollWhileFree } from '../../src/worker/pool-slots.ts';

const never = new AbortController().signal;
const SOON = { withinMs: 20, reservedMs: 10_000 };
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a slot for a subagent of a pool', () => {
  it('is reserved once, and becomes the one that it holds', async () => {
    const slots = new WorkSlots(1);
    expect(await slots.reserve('a#reserved', SOON)).toBe(true);
    expect(await slots.reserve('a#reserved', SOON)).toBe(true);
    expect(await slots.reserve('b#reserved', SOON)).toBe(false);
    expect(slots.takeOver('a#reserved', 'a#1')).toBeDefined();
    expect(slots.takeOver('a#reserved', 'a#2')).toBeUndefined();
    expect(slots.free).toBe(0);
    slots.release('a#1');
    expect(slots.free).toBe(1);
  });

  it('is free again if nobody comes to hold it', async () => {
    const slots = new WorkSlots(1);
    await slots.reserve('a#reserved', { withinMs: 20, reservedMs: 30 });
    expect(await slots.reserve('b#reserved', { withinMs: 5_000, reservedMs: 10_000 })).toBe(true);
  });

  it('is not given ahead of one who waits longer', async () => {
    const slots = new WorkSlots(1);
    await slots.acquire('a#1', false, never);
    const before = slots.acquire('b#1', false, never);
    const reserved = slots.reserve('c#reserved', SOON);
    slots.release('a#1');
    await before;
    expect(await reserved).toBe(false);
  });
});

describe('the pollers of pools', () => {
  const reserve = (slots: WorkSlots) => {
    const { activityTaskSlotSupplier: supplier } = pollWhileFree(slots);
    if (supplier.type !== 'custom') throw new Error('not a supplier of ours');
    let granted = 0;
    const abort = new AbortController();
    const ask = () =>
      supplier.reserveSlot({} as never, abort.signal).then(
        () => granted++,
        () => undefined,
      );
    return { supplier, ask, abort, granted: () => granted };
  };

  it('poll for as many as there are free slots, and wait while there are none', async () => {
    const slots = new WorkSlots(2);
    const pool = reserve(slots);
    for (let n = 0; n < 3; n++) void pool.ask();
    await settled();
    expect(pool.granted()).toBe(2);
    await slots.acquire('a#1', false, never);
    pool.supplier.releaseSlot({} as never);
    await settled();
    // One poll is under way, and one slot is free.
    expect(pool.granted()).toBe(2);
    slots.release('a#1');
    await settled();
    expect(pool.granted()).toBe(3);
  });

  it('of a full worker are many pools, and none of them polls', async () => {
    const slots = new WorkSlots(1);
    await slots.acquire('a#1', false, never);
    const pools = [reserve(slots), reserve(slots), reserve(slots)];
    for (const { ask } of pools) void ask();
    await settled();
    expect(pools.map(({ granted }) => granted())).toEqual([0, 0, 0]);
    pools[0]?.abort.abort();
    slots.release('a#1');
    await settled();
    expect(pools.map(({ granted }) => granted())).toEqual([0, 1, 1]);
  });
});
