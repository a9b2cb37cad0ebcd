/** Runs the actions that `lifecycle.ts` decides on: activities, waits, announcements. */
import { sleep } from '@temporalio/workflow';
import { oneLine, type Evidence } from '../../src/contract/index.ts';
import { retryText } from '../shared/backoff.ts';
import { evidenceIn, outcomeFailure, isWorkerDied, setUpFailure } from '../shared/failure.ts';
import type { Pauses } from './pauses.ts';
import type { WorkerSlot } from './worker-slot.ts';
import type { StatusPublisher } from './status-publisher.ts';
import type { SubagentMachine } from './machine.ts';
import type { ActionResult, NextAction } from './events.ts';
import type { SubagentState } from './state.ts';
import { attemptAfterResult, turnInput, workFolder } from './turn.ts';
import type { WorkerCalls } from './worker-calls.ts';

/** What the actions need. */
export interface ActionParts {
  readonly machine: SubagentMachine;
  readonly worker: WorkerCalls;
  readonly slot: WorkerSlot;
  readonly status: StatusPublisher;
  readonly pauses: Pauses;
}

type Turn = Extract<NextAction, { do: 'turn' }>;
type Collected = Extract<ActionResult, { type: 'collected' | 'uncollected' }>;

export class ActionRunner {
  readonly #parts: ActionParts;

  constructor(parts: ActionParts) {
    this.#parts = parts;
  }

  /** Runs one action. Throws only if the workflow is cancelled or there is a bug. */
  async run(action: Exclude<NextAction, { do: 'end' }>): Promise<ActionResult> {
    const { machine, pauses, status } = this.#parts;
    switch (action.do) {
      case 'prepare':
        return this.#prepare();
      case 'set-up':
        return this.#setUp();
      case 'turn':
        return this.#runTurn(action);
      case 'pause':
        status.enter('working', retryText(action));
        await sleep(action.ms, { summary: `before the next attempt of turn ${machine.state.turn}` });
        return { type: 'continued' };
      case 'report-stuck':
        return pauses.reportStuck(action);
      case 'report-budget':
        return pauses.reportBudget(action);
      case 'wait':
        return pauses.wait(action);
      case 'ask':
        return pauses.ask(action);
      case 'collect':
        return this.#collect();
      case 'verify':
        return this.#verify();
      case 'push':
        return this.#push();
    }
  }

  /** After a kill: commits what the subagent had written on its branch. */
  async salvage(): Promise<void> {
    const { machine, worker, slot } = this.#parts;
    if (machine.state.workspace === undefined || slot.workerId === undefined) return;
    machine.dispatch({ type: 'salvaged', found: await collect(worker) });
  }

  async #prepare(): Promise<ActionResult> {
    try {
      return { type: 'prepared', workspace: await this.#parts.worker.prepare() };
    } catch (error) {
      return { type: 'unprepared', failure: outcomeFailure(error) };
    }
  }

  async #setUp(): Promise<ActionResult> {
    try {
      const { results, notes, problem } = await this.#parts.worker.setUp();
      return { type: 'set-up', results, notes, failure: setUpFailure(problem) };
    } catch (error) {
      return { type: 'set-up', results: [], notes: [], failure: outcomeFailure(error) };
    }
  }

  async #runTurn({ slot, pause }: Turn): Promise<ActionResult> {
    const { machine, worker, status, pauses } = this.#parts;
    let began: number | undefined;
    const begin = (): void => {
      began = Date.now();
      machine.dispatch({ type: 'turn-started' });
      status.publish();
      pauses.deliverPending();
    };
    if (pause) await this.#pauseBefore(pause, slot);
    let attempt: SubagentState['attempt'] = 'none';
    try {
      const result = await worker.turn(turnInput(machine.state), { slot, begin });
      attempt = attemptAfterResult(result);
      // The worker had not started the attempt, so no time was worked.
      if (result.kind === 'lost' && result.notStarted) began = undefined;
      const elapsedMs = Date.now() - (began ?? Date.now());
      return { type: 'turn', result, elapsedMs: workFolder(result, elapsedMs) };
    } catch (error) {
      if (began !== undefined)
        machine.dispatch({ type: 'action-interrupted', workedMs: Date.now() - began, verifyingMs: 0 });
      throw error;
    } finally {
      machine.dispatch({ type: 'turn-ended', attempt });
    }
  }

  async #pauseBefore({ ms, why }: NonNullable<Turn['pause']>, takes: Turn['slot']): Promise<void> {
    const { slot, status } = this.#parts;
    if (takes === 'reacquire' && slot.held) slot.lose();
    status.enter(takes === 'reacquire' ? 'queued' : 'working', retryText({ ms, why }));
    await sleep(ms, { summary: oneLine(why, 100) });
  }

  /**
   * Collects the work. Also reads the structured report and the artifacts that the spec asks for, unless the end is
   * already decided.
   */
  #collect(): Promise<Collected> {
    const { machine, worker } = this.#parts;
    const { spec, verdict, report } = machine.state;
    if (verdict !== undefined) return collect(worker);
    return collect(worker, {
      ...(spec.output && { report }),
      ...(spec.artifacts && { artifacts: spec.artifacts }),
    });
  }

  async #verify(): Promise<ActionResult> {
    const { machine, worker } = this.#parts;
    // Time spent waiting for the worker does not count.
    let began = Date.now();
    try {
      const { verifications, problem, reason, notes, caveats, workedMs } = await worker.verify(
        machine.state.evidence,
        () => (began = Date.now()),
      );
      const elapsedMs = Math.min(Date.now() - began, workedMs ?? Infinity);
      return { type: 'verified', verifications, problem, reason, notes, caveats, elapsedMs };
    } catch (error) {
      if (isWorkerDied(error)) return { type: 'unverified', failure: outcomeFailure(error) };
      const elapsedMs = Date.now() - began;
      machine.dispatch({ type: 'action-interrupted', workedMs: elapsedMs, verifyingMs: elapsedMs });
      throw error;
    }
  }

  async #push(): Promise<ActionResult> {
    const { machine, worker } = this.#parts;
    const { evidence, spec } = machine.state;
    if (evidence === undefined) throw new Error('nothing was collected to push');
    try {
      return { type: 'pushed', push: await worker.push(evidence) };
    } catch (error) {
      const { message: problem } = outcomeFailure(error);
      return { type: 'pushed', push: { remote: spec.repo, commit: evidence.head, problem } };
    }
  }
}

async function collect(
  worker: WorkerCalls,
  read: Parameters<WorkerCalls['collect']>[0] = {},
): Promise<Collected> {
  try {
    const { evidence, caveats, notes, output, artifacts } = await worker.collect(read);
    return { type: 'collected', evidence, caveats, notes, output, artifacts };
  } catch (error) {
    const evidence: Evidence | undefined = worker.withRepository(evidenceIn(error));
    return { type: 'uncollected', failure: outcomeFailure(error), evidence };
  }
}
