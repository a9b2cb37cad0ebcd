/** Plays the lives that workflows must be able to replay, and writes their histories to test/histories/. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Subagents } from '../../src/client/index.ts';
import {
  DOCTOR,
  MAIN_QUEUE,
  pageWorkflowId,
  SESSION,
  workerWorkflowId,
  type Announcement,
} from '../../src/contract/index.ts';
import { eventually } from './eventually.ts';
import { startFleet, type Fleet } from './fleet.ts';
import { bash, on } from './turns.ts';
import { inItsShell, statusOf, temporal, withClient } from './world.ts';

const FOLDER = fileURLToPath(new URL('../histories/', import.meta.url));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Records every history whose file name begins with `prefix`. */
export async function recordHistories(prefix: string): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  let opened = false;
  const fleet = await startFleet(
    [
      on('mend', [{ text: 'Done?' }, bash('echo right > answer.txt'), { text: 'Done.' }]),
      on('ask', [
        { tools: [{ name: 'ask_parent', arguments: { question: 'Which?' } }] },
        { text: 'That one.' },
      ]),
      on('listen', [bash('sleep 3457'), { text: 'Heard.' }]),
      on('fail', [{ error: { status: 403, message: 'not yours' } }]),
      on('quiet', ({ answers }) => (answers === 0 ? bash('sleep 3459') : { text: 'Went on.' })),
      on('locked', ({ answers }) => {
        if (!opened) return { error: { status: 401, message: 'expired' } };
        return answers === 0 ? bash('sleep 30') : { text: 'Let in.' };
      }),
      on('make', [bash('echo made > made.txt'), { text: 'Made.' }]),
      on('hand on', [bash('echo handed > a.md'), { text: 'Handed.' }]),
      on('sit', [bash('sleep 3456'), { text: 'Sat.' }]),
    ],
    { env: { SUBAGENTS_SLOTS: '8' } },
  );
  const write = async (name: string, workflowId: string, runId?: string): Promise<void> => {
    if (!name.startsWith(prefix)) return;
    const run = runId === undefined ? [] : ['-r', runId];
    const history = await temporal(fleet, 'workflow', 'show', '-w', workflowId, ...run, '--output', 'json');
    writeFileSync(`${FOLDER}${name}.json`, withoutPlaces(history, fleet));
    process.stderr.write(`recorded ${name}\n`);
  };
  const subagents = await fleet.connect();
  try {
    await play(fleet, subagents, write);
    await playChains(fleet, subagents, write);
    await playLimits(fleet, subagents, write, () => (opened = true));
    await playSessions(fleet, subagents, write);
    await playAbsence(fleet, subagents, write);
    await playDeaths(fleet, subagents, write);
    await playWorkers(fleet, subagents, write);
  } finally {
    await subagents.close();
    await fleet[Symbol.asyncDispose]();
  }
}

type Write = (name: string, workflowId: string, runId?: string) => Promise<void>;

async function play(fleet: Fleet, subagents: Subagents, write: Write): Promise<void> {
  const options = { cwd: fleet.repository.path };
  const session = subagents.session('rec');
  const runOf = (): Promise<string> =>
    withClient(fleet, async (client) => (await client.workflow.getHandle('session/rec').describe()).runId);

  await session.spawn({ label: 'mender', task: 'mend', verify: ['grep -q right answer.txt'] }, options);
  await session.subagent('mender').result();
  await write('subagent-repaired', 'subagent/rec/mender');

  await session.spawn({ label: 'builder', task: 'fail', setup: ['echo built', 'exit 7'] }, options);
  await session.subagent('builder').result();
  await write('subagent-set-up-failed', 'subagent/rec/builder');

  await session.subagent('mender').continue('Once more.');
  await session.subagent('mender').result();
  await write('subagent-continued', 'subagent/rec/mender');

  const url = `file://${fleet.repository.path}`;
  await session.spawn({ label: 'fetcher', task: 'make', repo: url, push: true, verify: ['true'] }, options);
  await session.subagent('fetcher').result();
  await write('subagent-by-url-pushed', 'subagent/rec/fetcher');

  await session.spawn({ label: 'pooled', task: 'make', repo: url, pool: 'default' }, options);
  await session.subagent('pooled').result();
  await write('subagent-of-a-pool', 'subagent/rec/pooled');

  await session.spawn({ label: 'asker', task: 'ask' }, options);
  await eventually(async () => (await session.subagent('asker').describe()).questions.length > 0);
  await session.subagent('asker').answer('This.');
  await session.subagent('asker').result();
  await write('subagent-asked', 'subagent/rec/asker');

  const policy = { ask: ['command echo'] };
  await session.spawn({ label: 'careful', task: 'make', policy }, options);
  await eventually(async () => (await session.subagent('careful').describe()).approvals.length > 0);
  await session.subagent('careful').approve({ why: 'It is harmless.' });
  await session.subagent('careful').result();
  await write('subagent-approved', 'subagent/rec/careful');

  await session.spawn({ label: 'listener', task: 'listen' }, options);
  await inItsShell(subagents, 'rec', 'listener');
  await session.subagent('listener').steer('a word');
  await fleet.worker.kill();
  await fleet.startWorker();
  await session.subagent('listener').result();
  await write('subagent-steered-worker-lost', 'subagent/rec/listener');

  await session.spawn({ label: 'sitter', task: 'sit' }, options);
  await session.spawn({ label: 'other', task: 'sit, other' }, options);
  await inItsShell(subagents, 'rec', 'sitter');
  const before = await runOf();
  await temporal(fleet, 'workflow', 'signal', '-w', 'session/rec', '--name', 'rollOver');
  await eventually(async () => (await runOf()) !== before);
  await write('session-before-continue-as-new', 'session/rec', before);

  await session.subagent('sitter').kill();
  await write('subagent-killed', 'subagent/rec/sitter');
  await temporal(fleet, 'workflow', 'terminate', '-w', 'subagent/rec/other');
  await eventually(async () => (await session.list()).live.length === 0);
  await temporal(fleet, 'workflow', 'cancel', '-w', 'session/rec');
  await eventually(async () => (await statusOf(fleet, 'session/rec')) === 'CANCELLED');
  await write('session-after-continue-as-new', 'session/rec');

  for await (const entry of session.subagent('mender').transcript()) void entry;
  const [transcript] = await withClient(fleet, async (client) => {
    const found = [];
    for await (const info of client.workflow.list({ query: "WorkflowType = 'transcript'" }))
      found.push(info.workflowId);
    return found;
  });
  if (transcript !== undefined) await write('transcript', transcript);
}

/** Chains: steps one after the other, one that failed, and a kill. */
async function playChains(fleet: Fleet, subagents: Subagents, write: Write): Promise<void> {
  const options = { cwd: fleet.repository.path };
  const session = subagents.session('chains');
  await session.chain(
    {
      label: 'built',
      steps: [
        { id: 'a', task: 'mend' },
        { id: 'b', task: 'fail {{a.branch}}', from: 'a' },
        { id: 'c', task: 'mend' },
        { id: 'd', task: 'mend {{item}}', needs: 'a', forEach: 'a.outcome.evidence.filesChanged' },
      ],
    },
    options,
  );
  await session.subagent('built').result();
  await session.retryChain('built');
  await session.subagent('built@2').result();
  await write('chain-retried', 'chain/chains/built');
  await session.chain(
    {
      label: 'handed',
      steps: [
        { id: 'a', task: 'hand on', artifacts: ['a.md'] },
        { id: 'b', task: 'mend {{a.artifacts.a.md}}' },
      ],
    },
    options,
  );
  await session.subagent('handed').result();
  await write('chain-with-artifacts', 'chain/chains/handed');
  await session.chain(
    {
      label: 'ended',
      steps: [
        { id: 'a', task: 'sit' },
        { id: 'b', task: 'mend' },
      ],
    },
    options,
  );
  await eventually(async () => (await session.list()).live.some(({ label }) => label === 'ended.a'));
  await inItsShell(subagents, 'chains', 'ended.a');
  await session.subagent('ended').kill();
  await write('chain-killed', 'chain/chains/ended');
}

/** Lives that are bounded: by a budget, by silence, by time for an answer, by credentials. */
async function playLimits(fleet: Fleet, subagents: Subagents, write: Write, open: () => void): Promise<void> {
  const options = { cwd: fleet.repository.path };
  const session = subagents.session('lim');
  const end = async (label: string): Promise<void> => {
    await session.subagent(label).result();
    await write(`subagent-${label}`, `subagent/lim/${label}`);
  };
  await session.spawn({ label: 'nudged', task: 'quiet', stuckAfter: '1s', onStuck: 'nudge' }, options);
  await end('nudged');
  await session.spawn({ label: 'waited', task: 'locked' }, options);
  await eventually(async () => (await session.subagent('waited').describe()).status === 'waiting');
  // Held while it waits, and brought into the turn when that runs again.
  await session.subagent('waited').steer('Use tabs.');
  open();
  await fleet.worker.stop();
  await fleet.startWorker();
  await end('waited');
}

/** Sessions: one that takes over what another has left, and one with more to tell than it can carry. */
async function playSessions(fleet: Fleet, subagents: Subagents, write: Write): Promise<void> {
  const options = { cwd: fleet.repository.path };
  const session = subagents.session('adp');
  await session.spawn({ label: 'left', task: 'sit' }, options);
  await inItsShell(subagents, 'adp', 'left');
  await temporal(fleet, 'workflow', 'terminate', '-w', 'session/adp');
  await eventually(async () => (await statusOf(fleet, 'session/adp')) === 'TERMINATED');
  await session.spawn({ label: 'next', task: 'make' }, options);
  await session.subagent('next').result();
  await session.subagent('left').kill();
  await eventually(async () => (await session.list()).live.length === 0);
  await write('session-adopting', 'session/adp');

  await withClient(fleet, async ({ workflow }) => {
    const handle = await workflow.start(SESSION.workflow, {
      workflowId: 'session/ovf',
      taskQueue: MAIN_QUEUE,
      args: [{ name: 'ovf' }],
    });
    const long = 'x'.repeat(400);
    for (let number = 0; number < 180; number++) {
      const announcement: Announcement = {
        id: `n${number}`,
        kind: 'notice',
        session: long,
        label: long,
        run: 1,
        status: 'working',
        workflowId: long,
        runId: long,
        summary: 's',
        at: '2026-01-01T00:00:00.000Z',
      };
      await handle.signal(SESSION.announce, { announcement });
    }
    const { runId } = await handle.describe();
    await handle.signal(SESSION.rollOver);
    const newest = workflow.getHandle('session/ovf');
    await eventually(async () => (await newest.describe()).runId !== runId);
    await write('session-overflow', 'session/ovf', runId);
    const page = pageWorkflowId('ovf', runId, 1);
    for await (const { id } of subagents.session('ovf').announcements({ once: true })) void id;
    await eventually(async () => (await statusOf(fleet, page)) === 'COMPLETED');
    await write('page', page);
  });
}

/** A worker that stays away: one subagent is given up, one is killed, and one goes on when it is back. */
async function playAbsence(fleet: Fleet, subagents: Subagents, write: Write): Promise<void> {
  const session = subagents.session('abs');
  const labels = ['away-and-back', 'forgotten'];
  await session.spawn(
    labels.map((label) => ({ label, task: `sit, ${label}` })),
    { cwd: fleet.repository.path },
  );
  for (const label of labels) await inItsShell(subagents, 'abs', label);
  const { worker } = fleet;
  const second = await fleet.startWorker(join(fleet.home, '..', 'second-home'));
  await worker.kill();
  const back = session.subagent('away-and-back');
  const steered = back.steer('a word', { timeoutMs: 600_000 });
  const isAway = async (label: string): Promise<boolean> =>
    (await session.peek()).some((each) => each.label === label && each.kind === 'worker-away');
  for (const label of labels) await eventually(() => isAway(label));
  await session.subagent('forgotten').kill({ force: true });
  await write('subagent-forgotten', 'subagent/abs/forgotten');
  await fleet.startWorker();
  await steered;
  await back.result();
  await write('subagent-away-and-back', 'subagent/abs/away-and-back');
  // It would take what is spawned next.
  await second.stop();
}

/** A worker that dies each time under the verification of a subagent. */
async function playDeaths(fleet: Fleet, subagents: Subagents, write: Write): Promise<void> {
  const session = subagents.session('dth');
  const spec = { label: 'killer', task: 'make', verify: ['sleep 3460'] };
  await session.spawn(spec, { cwd: fleet.repository.path });
  const ended = session.subagent('killer').result();
  let over = false;
  void ended.finally(() => (over = true));
  const verifying = (): boolean =>
    readdirSync(`${fleet.home}/leases`).some((name) => name.startsWith('verifyCommit'));
  for (;;) {
    await eventually(() => verifying() || over);
    if (over) break;
    await fleet.worker.kill();
    await fleet.startWorker();
  }
  await write('subagent-worker-died', 'subagent/dth/killer');
}

/** A worker that shows itself, and one that looks at what a subagent would need. */
async function playWorkers(fleet: Fleet, subagents: Subagents, write: Write): Promise<void> {
  const { workerId } = fleet.worker;
  await eventually(async () => {
    const { workers } = await subagents.workers();
    return workers.find((worker) => worker.workerId === workerId)?.versions.copilot !== undefined;
  });
  await write('worker', workerWorkflowId(workerId));
  await subagents.checkPool('default', { repo: `file://${fleet.repository.path}` });
  const [doctor = ''] = await withClient(fleet, async (client) => {
    const found = [];
    for await (const info of client.workflow.list({ query: `WorkflowType = '${DOCTOR.workflow}'` }))
      found.push(info.workflowId);
    return found;
  });
  await write('worker-looks', doctor);
}

/** No path or host name of the machine that recorded it. Payloads are base64: each is opened, mended and closed again. */
function withoutPlaces(json: string, fleet: Fleet): string {
  const hidden: [string, string][] = [
    [fleet.home, '/home/dev/.subagents'],
    [fleet.repository.path, '/home/dev/project'],
    [dirname(fleet.home), '/home/dev'],
    [ROOT, '/home/dev/durable-subagents/'],
    [`${userInfo().username}@${hostname()}`, 'dev@host'],
    [`@${hostname()}`, '@host'],
    [`"host":"${hostname()}"`, '"host":"host"'],
    [` on ${hostname()}`, ' on host'],
    [`"user":"${userInfo().username}"`, '"user":"dev"'],
    [`, as ${userInfo().username},`, ', as dev,'],
  ];
  const mend = (text: string): string =>
    hidden.reduce((mended, [from, to]) => mended.replaceAll(from, to), text);
  const history = JSON.parse(json, (key, value: unknown) => {
    if (key === 'data' && typeof value === 'string') {
      return Buffer.from(mend(Buffer.from(value, 'base64').toString())).toString('base64');
    }
    return typeof value === 'string' ? mend(value) : value;
  }) as unknown;
  return `${JSON.stringify(history, null, 1)}\n`;
}
