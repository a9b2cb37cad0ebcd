/** A worker that only stood still (SIGSTOP, a suspended laptop) is taken for dead, and comes back: no turn gets a second driver. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { HEARTBEAT_TIMEOUT_MS } from '../../src/contract/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';
import { inItsShell, processesWith, statusOf, temporal } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  fleet = await startFleet(
    [
      on('count twice', [
        bash('echo first >> count.txt'),
        bash(
          'until [ -e "$HOME/go-on/$(git branch --show-current)" ]; do sleep 0.1; done; echo second >> count.txt',
          {
            mode: 'sync',
            initial_wait: 120,
          },
        ),
        { text: 'Counted.' },
      ]),
      on('sit', [bash('nohup setsid sleep 876.5 >/dev/null 2>&1 & sleep 876.5')]),
    ],
    { env: { SUBAGENTS_SLOTS: '3' } },
  );
  subagents = await fleet.connect();
  frozen = fleet.worker.pid;
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

let frozen: number;
const freeze = (): boolean => process.kill(frozen, 'SIGSTOP');
const thaw = (): boolean => process.kill(frozen, 'SIGCONT');
const sleepers = (): number[] => processesWith('sleep 876.5');

async function spawn(label: string, task: string): Promise<void> {
  await subagents.session('frozen').spawn({ label, task }, { cwd: fleet.repository.path });
  await inItsShell(subagents, 'frozen', label);
}

function goOn(label: string): void {
  mkdirSync(join(fleet.home, '..', 'go-on', 'subagents'), { recursive: true });
  writeFileSync(join(fleet.home, '..', 'go-on', 'subagents', label), '');
}

describe('a frozen worker', () => {
  it('comes back to its turn, and drives it alone: nothing is cut short, said or done twice', async () => {
    await spawn('alone', 'count twice, alone');
    await eventually(async () => (await described('alone')).doing.includes('second'));
    freeze();
    // The server gives up what does not heartbeat.
    await delay(HEARTBEAT_TIMEOUT_MS + 5_000);
    thaw();
    await eventually(async () => (await described('alone')).notes.length > 0);
    goOn('alone');
    const outcome = await subagents.session('frozen').subagent('alone').result();
    expect(outcome).toMatchObject({ status: 'done', report: 'Counted.', turns: 1 });
    expect(outcome.notes.join()).not.toContain('was running when its worker');
    expect(await fleet.repository.git('show', 'subagents/alone:count.txt')).toBe('first\nsecond');
    expect(fleet.model.timesSaid('count twice, alone')).toBe(1);
    expect(answersOf('count twice, alone')).toEqual([0, 1, 2]);
  });

  it('finds what was decided meanwhile: taken over, killed or terminated', async () => {
    await spawn('over', 'count twice, over');
    await spawn('killed', 'sit');
    await spawn('terminated', 'sit down');
    await eventually(async () => (await described('over')).doing.includes('second'));
    expect(sleepers().length).toBeGreaterThanOrEqual(4);
    // Another worker runs the workflows on, and knows nothing of the frozen one's turns.
    await fleet.startWorker(join(fleet.home, '..', 'second-home'));
    freeze();
    await eventually(async () => (await described('over')).status === 'queued');
    const killed = subagents.session('frozen').subagent('killed').kill();
    await temporal(fleet, 'workflow', 'terminate', '-w', 'subagent/frozen/terminated');
    await eventually(async () => (await statusOf(fleet, 'subagent/frozen/terminated')) === 'TERMINATED');
    await delay(2_000);
    thaw();
    expect(await killed).toMatchObject({ status: 'killed', sweep: { left: [], proof: 'proven' } });
    await eventually(() => sleepers().length === 0);
    await eventually(async () => (await described('over')).status === 'working');
    goOn('over');
    const outcome = await subagents.session('frozen').subagent('over').result();
    expect(outcome).toMatchObject({ status: 'done', report: 'Counted.', turns: 1 });
    expect(await fleet.repository.git('show', 'subagents/over:count.txt')).toBe('first\nsecond');
    expect(answersOf('count twice, over')).toEqual([0, 1, 2]);
  });
});

const described = (label: string) => subagents.session('frozen').subagent(label).describe();

/** How far the conversation was at each request: the model was asked each thing once. */
const answersOf = (task: string): number[] =>
  fleet.model.requests.flatMap(({ conversation }) =>
    conversation?.userMessages[0]?.includes(task) ? [conversation.answers] : [],
  );
