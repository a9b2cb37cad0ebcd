/** SIGKILL in the middle of every activity: each goes on, nothing is said or done twice, and every outcome comes once. */
import { existsSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import type { ModelConversation } from '../../src/demo/conversation.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { gitThatHangs, type GitShim } from '../support/git-shim.ts';
import { bash, on } from '../support/turns.ts';
import { copilotRuntime, inItsShell, processesWith, temporal, withClient } from '../support/world.ts';

/** What each subagent is in the middle of when everything dies. */
const AT = ['prepare', 'turn', 'deliver', 'collect', 'verify', 'stay'] as const;

let folder: string;
let goOn: string;
let shim: GitShim;
let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'subagents-crash-'));
  goOn = join(folder, 'go-on');
  const waitForIt = `until [ -e ${goOn} ]; do sleep 0.3; done`;
  const count = bash('echo once >> count.txt');
  const done = { text: 'Counted.' };
  shim = await gitThatHangs(folder, [
    { of: '/in-prepare@', when: 'before', call: 'read-tree -m -u', until: goOn },
    { of: '/in-collect@', when: 'before', call: 'collected', until: goOn },
    {
      of: 'cat-file --batch-check=%(objecttype)',
      when: 'after',
      call: 'cat-file',
      until: join(folder, 'admit'),
    },
  ]);
  writeFileSync(join(folder, 'admit'), '');
  fleet = await startFleet(
    [
      {
        when: isFor('in-turn'),
        steps: ({ answers }) => (answers === 0 ? count : existsSync(goOn) ? done : bash(waitForIt)),
      },
      {
        when: isFor('in-deliver'),
        // The message comes while the model is still silent.
        steps: ({ answers }) => (answers === 0 ? count : { ...done, delayMs: existsSync(goOn) ? 0 : 12_000 }),
      },
      on('in-stay', [{ tools: [{ name: 'ask_parent', arguments: { question: 'Which?' } }] }, count, done]),
      on('in-stop', [count, bash(`bash -c 'trap "" TERM; sleep 765' & sleep 765`)]),
      on('in-', [count, done]),
    ],
    { env: { ...shim.env, SUBAGENTS_SLOTS: '5' } },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  if (goOn) writeFileSync(goOn, '');
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const leases = (type: string): string[] =>
  readdirSync(join(fleet.home, 'leases')).filter((name) => name.startsWith(type));

async function killWorker(): Promise<void> {
  await fleet.worker.kill();
  await fleet.startWorker();
}

async function killEverything(): Promise<void> {
  process.kill(copilotRuntime(fleet), 'SIGKILL');
  await fleet.worker.kill();
  await fleet.restartServer('crash');
  await fleet.startWorker();
}

describe('a crash in the middle of', () => {
  it('prepare, turn, deliver, collect, verify and stay, twice, is survived by all of them', async () => {
    const session = subagents.session('crash');
    const options = { cwd: fleet.repository.path };
    const spec = (at: (typeof AT)[number]) => ({
      label: `in-${at}`,
      task: `task of in-${at}`,
      ...(at === 'verify' && { verify: [`until [ -e ${goOn} ]; do sleep 0.3; done`] }),
    });
    await session.spawn(spec('stay'), options);
    await eventually(async () => (await session.subagent('in-stay').describe()).questions.length > 0);
    // A session that continues as new watches its children by an activity: it is in the middle of that too.
    await temporal(fleet, 'workflow', 'signal', '-w', 'session/crash', '--name', 'rollOver');
    await session.spawn((['prepare', 'turn', 'collect', 'verify'] as const).map(spec), options);

    const allAtIt = async (): Promise<void> => {
      await inItsShell(subagents, 'crash', 'in-turn');
      await eventually(() => leases('prepareWorkspace').length === 1);
      await eventually(() => leases('collectEvidence').length === 1);
      await eventually(() => leases('verifyCommit').length === 1);
    };
    await allAtIt();
    await session.spawn(spec('deliver'), options);
    await eventually(() => fleet.model.requests.some(atDeliver));
    // Its connection breaks with the server; the steer itself is in the workflow.
    const steered = session
      .subagent('in-deliver')
      .steer('a word', { id: 'word' })
      .catch(() => undefined);
    await session.subagent('in-stay').answer('This.');
    await eventually(() => leases('deliverSteer').length === 1);
    await eventually(() => leases('holdSlot').length === 6); // one of them waits
    await killWorker();
    await allAtIt();
    await killEverything();
    await allAtIt();
    writeFileSync(goOn, '');

    const outcomes = await Promise.all(AT.map((at) => session.subagent(`in-${at}`).result()));
    for (const [index, at] of AT.entries()) {
      const outcome = outcomes[index];
      expect(outcome, at).toMatchObject({ status: 'done', report: 'Counted.' });
      expect(fleet.model.timesSaid(`task of in-${at}`), at).toBe(1);
      expect(await fleet.repository.git('show', `subagents/in-${at}:count.txt`), at).toBe('once');
    }
    await steered;
    const { steers } = await session.subagent('in-deliver').describe();
    expect(steers).toMatchObject([{ receipt: { id: 'word' } }]);
    // It was on its way all the time, into the turn that went on.
    expect(steers[0]?.receipt?.delivery).not.toBe('held');
    expect(fleet.model.timesSaid('a word')).toBe(1);
    expect(outcomes[1]?.notes.filter((note) => note.includes('was running when its worker'))).not.toEqual([]);

    const told = (await session.peek()).filter(({ kind }) => kind === 'completed').map(({ label }) => label);
    expect(told.sort()).toEqual(AT.map((at) => `in-${at}`).sort());
    await eventually(() => leases('').length === 0);
    expect(processesWith(goOn)).toEqual([]);
  });

  it('stop: the processes are still ended, and the proof is there', async () => {
    const session = subagents.session('crash');
    await session.spawn({ label: 'in-stop', task: 'task of in-stop' }, { cwd: fleet.repository.path });
    await inItsShell(subagents, 'crash', 'in-stop');
    await eventually(() => processesWith('sleep 765').length >= 2);
    const killed = session.subagent('in-stop').kill();
    await eventually(() => leases('stopSubagent').length === 1);
    await killWorker();
    expect(await killed).toMatchObject({ status: 'killed', sweep: { left: [], proof: 'proven' } });
    expect(processesWith('sleep 765')).toEqual([]);
    expect(await fleet.repository.git('show', 'subagents/in-stop:count.txt')).toBe('once');
  });

  it('admit: the spawn is answered all the same, and spawns once', async () => {
    const session = subagents.session('crash');
    await rm(join(folder, 'admit'));
    const spawned = session.spawn({ label: 'in-admit', task: 'in-admit' }, { cwd: fleet.repository.path });
    await eventually(() => leases('admit').length === 1);
    await fleet.worker.kill();
    writeFileSync(join(folder, 'admit'), '');
    await fleet.startWorker();
    expect(await spawned).toMatchObject({ accepted: true, run: 1 });
    expect(await session.subagent('in-admit').result()).toMatchObject({ status: 'done' });
  });

  it('watchChildren: the end of a child that cannot speak is still heard of', async () => {
    const session = subagents.session('watched');
    await rm(goOn, { force: true });
    await session.spawn({ label: 'in-turn', task: 'in-turn, watched' }, { cwd: fleet.repository.path });
    await temporal(fleet, 'workflow', 'signal', '-w', 'session/watched', '--name', 'rollOver');
    await eventually(() =>
      withClient(fleet, async (client) => {
        const { raw } = await client.workflow.getHandle('session/watched').describe();
        return raw.pendingActivities?.some(({ activityType }) => activityType?.name === 'watchChildren');
      }),
    );
    await killWorker();
    await session.spawn({ label: 'second', task: 'in-turn, too' }, { cwd: fleet.repository.path });
    await temporal(fleet, 'workflow', 'terminate', '-w', 'subagent/watched/in-turn');
    await eventually(async () => (await session.peek()).some(({ status }) => status === 'lost'));
    writeFileSync(goOn, '');
    expect(await session.subagent('second').result()).toMatchObject({ status: 'done' });
  });
});

describe('a kill', () => {
  it('ends a subagent that is queued, preparing, working, asking or verifying, and leaves nothing of it', async () => {
    await rm(goOn, { force: true });
    const session = subagents.session('kills');
    const options = { cwd: fleet.repository.path };
    const at = {
      'in-stay': 'asking',
      'in-prepare': 'preparing',
      'in-verify': 'verifying',
      'in-turn': 'working',
    };
    const verify = [`until [ -e ${goOn} ]; do sleep 0.3; done`];
    const become = (label: string, status: string) =>
      eventually(async () => (await session.subagent(label).describe()).status === status);
    for (const [label, status] of Object.entries(at)) {
      await session.spawn({ label, task: label, ...(label === 'in-verify' && { verify }) }, options);
      await become(label, status);
    }
    // With these the worker is full.
    for (const label of ['in-turn-2', 'in-turn-3']) {
      await session.spawn({ label, task: label }, options);
      await inItsShell(subagents, 'kills', label);
    }
    await session.spawn({ label: 'in-queue', task: 'in-queue' }, options);
    await become('in-queue', 'queued');

    const labels = [...Object.keys(at), 'in-turn-2', 'in-queue'];
    const reports = await Promise.all(labels.map((label) => session.subagent(label).kill()));
    for (const { label, status, sweep } of reports) {
      expect(status, label).toBe('killed');
      // What waits here starts processes all the time, so a look that misses none may not come about: see below.
      if (label !== 'in-queue') expect(sweep?.left, label).toEqual([]);
    }
    // Its twin does the very same, and goes on.
    expect((await session.subagent('in-turn-3').describe()).doing).toMatch(/^bash/);
    const left = processesWith(goOn).map((pid) => readlinkSync(`/proc/${pid}/cwd`));
    expect(left.filter((cwd) => !cwd.includes('/in-turn-3@'))).toEqual([]);
    writeFileSync(goOn, '');
    expect(await session.subagent('in-turn-3').result()).toMatchObject({ status: 'done' });
  });
});

describe('a kill of a subagent whose worker died while it prepared', () => {
  it('leaves no half-made worktree', async () => {
    await rm(goOn, { force: true });
    const session = subagents.session('half-made');
    const branches = () => fleet.repository.git('branch', '--list', 'subagents/*');
    const before = await branches();
    await session.spawn({ label: 'in-prepare', task: 'in-prepare' }, { cwd: fleet.repository.path });
    const records = (): string[] => {
      const made = join(fleet.home, 'worktrees', 'half-made');
      return existsSync(made) ? readdirSync(made) : [];
    };
    await eventually(() => records().length === 2);
    // Another worker runs the workflows on.
    const preparing = fleet.worker;
    await fleet.startWorker(join(fleet.home, '..', 'second-home'));
    await preparing.kill();
    const killed = session.subagent('in-prepare').kill();
    await eventually(async () => (await session.subagent('in-prepare').describe()).status === 'stopping');
    await fleet.startWorker();
    expect(await killed).toMatchObject({ status: 'killed' });
    expect(records()).toEqual([]);
    expect(await branches()).toBe(before);
    expect(await fleet.repository.git('worktree', 'list')).not.toContain('/half-made/');
    writeFileSync(goOn, '');
  });
});

function isFor(label: string): (conversation: ModelConversation) => boolean {
  return ({ userMessages }) => userMessages[0]?.includes(label) ?? false;
}

/** A request of the subagent that a steer is on its way to. */
function atDeliver({ conversation }: Fleet['model']['requests'][number]): boolean {
  return conversation !== undefined && isFor('in-deliver')(conversation) && conversation.answers > 0;
}
