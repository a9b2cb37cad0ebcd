/** Children that nobody else hears of, however many there are: the server is asked for so many at once. */
import type { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { createSessionActivities } from '../../activities/session/watch.ts';
import type { SessionEntry, WatchChildrenInput } from '../../src/contract/index.ts';

const child = (label: string): SessionEntry => ({
  label,
  run: 1,
  workflowId: `subagent/s/${label}`,
  runId: label,
  status: 'working',
  task: '',
  repo: '/r',
  startedAt: '2026-01-01T00:00:00.000Z',
});

describe('watching children', () => {
  it('looks at so many at once, and at each in its turn', async () => {
    const env = new MockActivityEnvironment();
    const rounds: string[][] = [[]];
    const told: string[] = [];
    const getHandle = (workflowId: string) => ({
      describe: () => {
        rounds.at(-1)?.push(workflowId);
        const name = workflowId.endsWith('/c-119') ? 'TERMINATED' : 'RUNNING';
        return Promise.resolve({ status: { name } });
      },
      signal: (name: string) => Promise.resolve(void told.push(name)),
    });
    env.on('heartbeat', () => {
      if (rounds.length === 4) env.cancel();
      rounds.push([]);
    });
    const activities = createSessionActivities({ client: { workflow: { getHandle } } as unknown as Client });
    const children = Array.from({ length: 120 }, (_, index) => child(`c-${index}`));
    await expect(
      env.run((input: WatchChildrenInput) => activities.watchChildren(input), { session: 's', children }),
    ).rejects.toThrow();
    expect(rounds.slice(0, 4).map(({ length }) => length)).toEqual([50, 50, 50, 50]);
    expect(new Set(rounds.slice(0, 3).flat()).size).toBe(120);
    // The one that has ended is told once, and not looked at again.
    expect(told).toHaveLength(1);
    expect(rounds.flat().filter((id) => id.endsWith('/c-119'))).toHaveLength(1);
  });
});
