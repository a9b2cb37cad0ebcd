import { homedir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { applySelection } from '../../src/client/listing/selection.ts';
import type { SessionListing, SubagentRow } from '../../src/contract/index.ts';

const row = (label: string, more: Partial<SubagentRow>): SubagentRow => ({
  session: 's',
  label,
  run: 1,
  workflowId: label,
  runId: label,
  task: '',
  startedAt: '2026-01-01T00:00:00Z',
  status: 'working',
  repo: '/code/shop',
  ...more,
});
const listing: SessionListing = {
  session: 's',
  server: { address: '', namespace: '', origin: '' },
  unacknowledged: 0,
  workerless: false,
  notes: [],
  live: [row('a', {}), row('b', { status: 'asking' }), row('c', { repo: `${homedir()}/mailer` })],
  finished: [
    row('d', { status: 'failed' }),
    row('e', { status: 'done', repo: 'https://example.com/team/shop.git' }),
    row('f', { status: 'failed', repo: 'git@example.com:team/shop' }),
  ],
  finishedCount: 3,
};
const labels = ({ live, finished }: SessionListing): string =>
  [...live, ...finished].map(({ label }) => label).join('');

describe('a selection', () => {
  it.each([
    ['by status', { statuses: ['asking', 'failed'] as const }, 'bdf'],
    ['by the path of a repository', { repo: '/code/shop/' }, 'abd'],
    ['by a path in the home folder', { repo: '~/mailer' }, 'c'],
    ['by URL', { repo: 'https://example.com/team/shop.git' }, 'e'],
    ['by the last name of a repository', { repo: 'shop' }, 'abdef'],
    ['by both', { repo: 'shop', statuses: ['failed'] as const }, 'df'],
  ])('%s', (_, options, expected) => {
    expect(labels(applySelection(listing, options, 10))).toBe(expected);
  });

  it('counts the finished ones that are wanted, and lists as many as were asked for', () => {
    const { finished, finishedCount } = applySelection(listing, { statuses: ['failed'] }, 1);
    expect([finished.length, finishedCount]).toEqual([1, 2]);
  });
});
