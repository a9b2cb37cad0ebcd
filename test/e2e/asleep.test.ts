/** A night in which nothing runs, since the machine is off or sleeps, is none of a subagent's working time. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/client/index.ts';
import { findProcesses } from '../../src/home/processes.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';
import { copilotRuntime, inItsShell } from '../support/world.ts';

const TIMEOUT_MS = 25_000;
/** Longer than all the time that the subagent has. */
const NIGHT_MS = TIMEOUT_MS + 3_000;

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // A command of its shell has ended meanwhile.
  }
}

/** Spawns a subagent, lets `night` fall while its command runs, and gives its outcome. */
async function sleepsThrough(
  night: (fleet: Fleet, copilotSessionId: string) => Promise<void>,
): Promise<Outcome> {
  await using fleet = await startFleet([
    on('wait', [bash('until [ -e "$HOME/go-on/it" ]; do sleep 0.1; done'), { text: 'Waited.' }]),
  ]);
  await using subagents = await fleet.connect();
  const session = subagents.session('night');
  const spec = { label: 'waiter', task: 'wait', timeout: `${TIMEOUT_MS / 1_000}s` };
  await session.spawn(spec, { cwd: fleet.repository.path });
  await inItsShell(subagents, 'night', 'waiter');
  const { copilotSessionId = '' } = await session.subagent('waiter').describe();
  await night(fleet, copilotSessionId);
  mkdirSync(join(fleet.home, '..', 'go-on'));
  writeFileSync(join(fleet.home, '..', 'go-on', 'it'), '');
  // What the client knew of the server may have gone with it.
  return await eventually(() =>
    session
      .subagent('waiter')
      .result()
      .catch(() => undefined),
  );
}

// Each has a fleet of its own: a night is waited for, and nights may fall together.
describe.concurrent('a subagent goes on with its turn', { timeout: 180_000 }, () => {
  it('after its server and its worker were killed, and started again in the morning', async () => {
    const outcome = await sleepsThrough(async (fleet) => {
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
    const outcome = await sleepsThrough(async (fleet, copilotSessionId) => {
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
    await using fleet = await startFleet([
      on('wait', [bash('sleep 300', { initial_wait: 300 }), bash('sleep 300')]),
    ]);
    await using subagents = await fleet.connect();
    const session = subagents.session('night');
    await session.spawn({ label: 'waiter', task: 'wait', timeout: '30s' }, { cwd: fleet.repository.path });
    await inItsShell(subagents, 'night', 'waiter');
    await delay(18_000);
    await fleet.worker.kill();
    await fleet.startWorker();
    const again = performance.now();
    const outcome = await session.subagent('waiter').result();
    expect(outcome.status).toBe('timed-out');
    // What it had worked before was counted: a busy machine is late by less than that.
    expect(performance.now() - again).toBeLessThan(27_000);
    expect(outcome.durations.workingMs).toBeGreaterThan(27_000);
  });
});
