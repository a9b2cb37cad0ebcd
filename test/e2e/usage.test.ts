/** What the model was asked is counted, however the turn ends in which it was. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { status } from '../support/model.ts';
import { bash, on } from '../support/turns.ts';
import { inItsShell } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  fleet = await startFleet([
    on('locked', ({ answers }) => (answers === 0 ? bash('true') : status(401, 'key expired'))),
    on('sit', [bash('sleep 677')]),
  ]);
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const subagent = (label: string) => subagents.session('usage').subagent(label);
const spawn = (label: string) =>
  subagents.session('usage').spawn({ label, task: label }, { cwd: fleet.repository.path });

it('also of one that is killed while it waits for its model', async () => {
  await spawn('locked');
  await eventually(async () => (await subagent('locked').describe()).status === 'waiting');
  await subagent('locked').kill();
  const outcome = await subagent('locked').result();
  expect(outcome).toMatchObject({ status: 'killed', usage: { modelRequests: 1, toolCalls: 1 } });
});

it('also of one that is given up with its worker', async () => {
  await spawn('sit');
  await inItsShell(subagents, 'usage', 'sit');
  // What the server has of it when its worker is gone.
  await eventually(async () => (await subagent('sit').describe()).usage?.toolCalls === 1);
  const { worker } = fleet;
  await fleet.startWorker(join(fleet.home, '..', 'second-home'));
  await worker.kill();
  // The server has given up what its worker was at.
  await eventually(async () => (await subagent('sit').describe()).status === 'queued');
  await subagent('sit').kill({ force: true });
  const outcome = await subagent('sit').result();
  expect(outcome).toMatchObject({ status: 'lost', usage: { modelRequests: 1, toolCalls: 1 } });
});
