import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readLeases, removeLease, writeLease, type Lease } from '../../src/home/leases.ts';
import { temporaryHome } from '../support/home.ts';

const lease = (id: string, more: Partial<Lease> = {}): Lease => ({
  id,
  taskToken: 'dG9rZW4=',
  activityType: 'runTurn',
  workflowId: 'subagent/default/fix',
  runId: 'run',
  activityId: '1',
  attempt: 1,
  startedAt: '2026-01-01T00:00:00.000Z',
  ...more,
});

test('what was written is read, until it is removed', async () => {
  await using home = await temporaryHome();
  const dir = home.paths.leases;
  const leases = [lease('a', { copilotSessionId: 'c' }), lease('../b/*?é')];
  for (const each of leases) writeLease(dir, each);
  writeLease(dir, lease('a', { copilotSessionId: 'c' }));
  expect(readLeases(dir)).toEqual(expect.arrayContaining(leases));
  expect(readLeases(dir)).toHaveLength(2);
  for (const name of await readdir(dir)) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
  for (const { id } of leases) removeLease(dir, id);
  removeLease(dir, 'never there');
  expect(await readdir(dir)).toEqual([]);
});

test('a file that is no lease is reported and set aside, and does not hide the others', async () => {
  await using home = await temporaryHome();
  const dir = home.paths.leases;
  writeLease(dir, lease('good'));
  await writeFile(join(dir, 'cut.json'), '{"id":"cu');
  await writeFile(join(dir, 'other.json'), '{"id":"other"}');
  await writeFile(join(dir, 'empty.json'), '');
  await writeFile(join(dir, '.good.json.1.0'), 'a draft');
  const reports: string[] = [];
  expect(readLeases(dir, (line) => reports.push(line))).toEqual([lease('good')]);
  expect(reports).toHaveLength(3);
  expect(reports.join()).toContain(join(dir, 'cut.json'));
  expect(readLeases(dir, (line) => reports.push(line))).toEqual([lease('good')]);
  expect(reports).toHaveLength(3);
  expect(await readdir(dir)).toContain('cut.json.corrupt');
  expect(await readdir(dir)).not.toContain('.good.json.1.0');
});
