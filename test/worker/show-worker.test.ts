import { expect, it } from 'vitest';
import { boundedDescription, workerDescription, type WorkerDescription } from '../../src/contract/index.ts';
import { changeOf } from '../../src/worker/upkeep/show-worker.ts';

const description: WorkerDescription = {
  workerId: 'w-abcd2345',
  host: 'hosta',
  user: 'dev',
  pools: ['default'],
  state: 'running',
  slots: { inUse: 0, total: 4 },
  versions: { product: '1.0.0', contract: 3 },
  since: '2026-01-01T12:00:00.000Z',
  sandbox: 'on',
  home: '/home/dev/.subagents',
  freeBytes: 100e9,
  at: '2026-01-01T12:00:00.000Z',
};

it.each([
  ['only the time', { at: '2026-01-01T13:00:00.000Z' }, 'none'],
  ['a little disk', { freeBytes: 95e9 }, 'none'],
  ['much disk', { freeBytes: 85e9 }, 'passing'],
  ['a slot', { slots: { inUse: 1, total: 4 } }, 'passing'],
  ['its state', { state: 'draining' as const }, 'lasting'],
  ['the version of Copilot', { versions: { product: '1.0.0', contract: 3, copilot: '1.2.3' } }, 'lasting'],
])('a change of %s is %s', (_what, change, expected) => {
  expect(changeOf(description, { ...description, ...change })).toBe(expected);
});

it('has the length that its schema allows, whatever a worker is started with', () => {
  const long = {
    ...description,
    pools: Array.from({ length: 500 }, (_, at) => `pool-${at}`),
    repositories: ['x'.repeat(5_000)],
    access: 'a\nb'.repeat(500),
  };
  expect(workerDescription.safeParse(long).success).toBe(false);
  expect(workerDescription.safeParse(boundedDescription(long)).success).toBe(true);
  expect(boundedDescription(description)).toEqual(description);
});
