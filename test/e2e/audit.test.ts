/** Who did what to a subagent, through each face, and by Temporal's own client. */
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { auditJson } from '../../src/cli/json.ts';
import { Subagents } from '../../src/client/index.ts';
import { run } from '../cli/command.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';

const ALICE = 'alice@laptop (library)';
let fleet: Fleet;
let alice: Subagents;
beforeAll(async () => {
  fleet = await startFleet([
    on('ASK FIRST', [
      { tools: [{ name: 'ask_parent', arguments: { question: 'Which port?' } }] },
      bash('echo 8080 > port.txt && git add . && git commit -qm Port'),
      { text: 'Done.' },
    ]),
    on('WAIT LONG', [bash('sleep 600', { mode: 'sync' })]),
  ]);
  alice = await Subagents.connect({ ...fleet.target, identity: ALICE });
});
afterAll(async () => {
  await alice?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const cwd = () => ({ cwd: fleet.repository.path });
const command = async (...args: string[]) => {
  const ran = await run(['--address', fleet.server.address, ...args], {
    home: fleet.home,
    cwd: fleet.repository.path,
    env: { SUBAGENTS_HOST: 'devbox' },
  });
  expect(ran.stderr).toBe('');
  return ran.stdout;
};
const entries = async (...args: string[]) =>
  auditJson.parse(JSON.parse(await command('audit', ...args, '--json'))).entries;
const whoDid = (all: Awaited<ReturnType<typeof entries>>) =>
  all.map(({ label, run, action, by }) => `${label}@${run} ${action} ${by}`);

it('names the spawner, who answered and who merged, in the outcome, show and the audit', async () => {
  const session = alice.session('asked');
  const port = await session.spawn({ label: 'port', task: 'ASK FIRST' }, cwd());
  await eventually(async () => (await port.describe()).status === 'asking');
  await command('-s', 'asked', 'answer', 'port', '8080');
  const outcome = await port.result();
  const terminal = expect.stringMatching(/^[^@ ]+@devbox \(terminal\)$/) as string;
  expect(outcome.audit).toEqual([
    { at: expect.any(String) as string, action: 'spawn', by: ALICE },
    { at: expect.any(String) as string, action: 'answer', by: terminal },
  ]);
  await port.merge();
  const done = await entries('-s', 'asked');
  const user = /^(.*)@devbox/.exec(done[1]!.by)![1]!;
  expect(whoDid(done)).toEqual([
    `port@1 spawn ${ALICE}`,
    `port@1 answer ${user}@devbox (terminal)`,
    `port@1 merge ${ALICE}`,
  ]);
  expect(done.map(({ at }) => at)).toEqual(done.map(({ at }) => at).sort());
  expect(await command('-s', 'asked', 'show', 'port')).toMatch(/ {2}by {9}alice@laptop \(library\)/);
  expect(await command('-s', 'asked', 'audit', 'port')).toMatch(
    /WHEN +WHO +WHAT +SUBAGENT\n.*alice@laptop \(library\) +spawn +asked\/port\n/,
  );
});

it('names senders of steers and kills, also those of Temporal’s own client, and keeps the first entry', async () => {
  const session = alice.session('killed');
  await session.spawn({ label: 'long', task: 'WAIT LONG' }, cwd());
  const long = session.subagent('long');
  await eventually(async () => (await long.describe()).doing.includes('sleep'));
  const connection = await Connection.connect({ address: fleet.server.address });
  const stranger = new Client({
    connection,
    namespace: fleet.server.namespace,
    identity: 'ops\u202e\u001b[31m\nteam',
  });
  await stranger.workflow.getHandle('subagent/killed/long').signal('steer', 'From the Web UI.');
  await eventually(async () => (await long.describe()).steers.length === 1);
  await long.steer('From Alice.');
  await command('-s', 'killed', 'kill', 'long');
  await connection.close();
  const outcome = await long.result().catch(async () => (await long.describe()).outcome!);
  expect(outcome.audit!.map(({ action, by }) => `${action} ${by}`)).toEqual([
    `spawn ${ALICE}`,
    'steer ops team',
    `steer ${ALICE}`,
    expect.stringMatching(/^kill [^@ ]+@devbox \(terminal\)$/),
  ]);
});

it('has nothing to show in a session without subagents', async () => {
  expect(await entries('-s', 'empty')).toEqual([]);
});
