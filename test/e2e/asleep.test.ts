/** A night in which nothing runs, since the machine is off or sleeps, is none of a subagent's working time. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Outcome, Subagents } from '../../src/client/index.ts';
import { findProcesses } from '../../src/home/processes.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';
import { copilotRuntime, inItsShell } from '../support/world.ts';

const TIMEOUT_MS = 25_000;
/** Longer than all the time that the subagent has. */
const NIGHT_MS = TIMEOUT_MS + 3_000;

let fleet: Fleet;
let subagents: Subagents;
afterEach(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // A command of its shell has ended meanwhile.
  }
}

/** Spawns a subagent, lets `night` fall while its command runs, and gives its outcome. */
async function sleepsThrough(night: (copilotSessionId: string) => Promise<void>): Promise<Outcome> {
  fleet = await startFleet([
    on('wait', [bash('until [ -e "$HOME/go-on/it" ]; do sleep 0.1; done'), { text: 'Waited.' }]),
  ]);
  subagents = await fleet.connect();
  const session = subagents.session('night');
  const spec = { label: 'waiter', task: 'wait', timeout: `${TIMEOUT_MS / 1_000}s` };
  await session.spawn(spec, { cwd: fleet.repository.path });
  await inItsShell(subagents, 'night', 'waiter');
  const { copilotSessionId = '' } = await session.subagent('waiter').describe();
  await night(copilotSessionId);
  mkdirSync(join(fleet.home, '..', 'go-on'));
  writeFileSync(join(fleet.home, '..', 'go-on', 'it'), '');
  // What the client knew of the server may have gone with it.
  return eventually(() =>
    session
      .subagent('waiter')
      .result()
      .catch(() => undefined),
  );
}

describe('a subagent goes on with its turn', { timeout: 180_000 }, () => {
  it('after its server and its worker were killed, and started again in the morning', async () => {
    const outcome = await sleepsThrough(async () => {
      process.kill(copilotRuntime(fleet), 'SIGKILL');
      process.kill(fleet.server.pid, 'SIGKILL');
      await fleet.worker.kill();
      await delay(NIGHT_MS);
      await fleet.restartServer();
      await fleet.startWorker();
    });
    expect(outcome).toMatchObject({ status: 'done', report: 'Waited.', turns: 1 });
    expect(outcome.durations.workingMs).toBeLessThan(TIMEOUT_MS);
  });

  it('after all of its machine stood still', async () => {
    const outcome = await sleepsThrough(async (copilotSessionId) => {
      const all = [
        fleet.server.pid,
        fleet.worker.pid,
        copilotRuntime(fleet),
        ...findProcesses(copilotSessionId).map(({ pid }) => pid),
      ];
      for (const pid of all) signal(pid, 'SIGSTOP');
      await delay(NIGHT_MS);
      for (const pid of all) signal(pid, 'SIGCONT');
    });
    expect(outcome).toMatchObject({ status: 'done', report: 'Waited.', turns: 1 });
    expect(outcome.durations.workingMs).toBeLessThan(TIMEOUT_MS);
  });

  it('and has its time limit all the same, across what is lost of it', async () => {
    fleet = await startFleet([on('wait', [bash('sleep 300', { initial_wait: 300 }), bash('sleep 300')])]);
    subagents = await fleet.connect();
    const session = subagents.session('night');
    await session.spawn({ label: 'waiter', task: 'wait', timeout: '15s' }, { cwd: fleet.repository.path });
    await inItsShell(subagents, 'night', 'waiter');
    await delay(6_000);
    await fleet.worker.kill();
    await fleet.startWorker();
    const again = performance.now();
    const outcome = await session.subagent('waiter').result();
    expect(outcome.status).toBe('timed-out');
    // What it had worked before was counted.
    expect(performance.now() - again).toBeLessThan(12_000);
    expect(outcome.durations.workingMs).toBeGreaterThan(12_000);
  });
});
