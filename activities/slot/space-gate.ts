/**
 * Runs work only while the disks have their reserve. With less free space, new work waits; a running command is
 * stopped and run again later.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { cancellationSignal, Context, heartbeat } from '@temporalio/activity';
import {
  NO_USAGE,
  SUBAGENT,
  SubagentsError,
  type ActivityProgress,
  type SpaceSignal,
  type SubagentRef,
} from '../../src/contract/index.ts';
import { spaceProblem } from '../../src/copilot/turn/space-watch.ts';
import type { EndedRuns } from '../../src/home/ended-runs.ts';

/** Milliseconds between two checks of the free space. */
const CHECK_INTERVAL_MS = 500;
/** Milliseconds after which a wait is reported. */
const REPORT_AFTER_MS = 3_000;
/** How often a command that fills the disk itself is run before it fails. */
const MAX_RUNS = 3;

/** How much free space commands need. */
export interface SpaceRules {
  /** Free bytes below which commands wait; 0: they never wait. */
  readonly reserveBytes: number;
  /**
   * Called for a wait that lasts, and without `lack` when that wait ends; default: signals the activity's workflow.
   */
  readonly report?: (wait: SpaceSignal) => Promise<unknown>;
}

/** Commands never wait for space. */
export const NO_SPACE_RULES: SpaceRules = { reserveBytes: 0 };

/**
 * Makes `activity` wait until the disks of the home have their reserve. Once its run has ended, it does not wait,
 * so that the work is saved.
 */
export function waitForSpaceFirst<I extends { readonly subagent: SubagentRef }, R>(
  { home, space, ended }: { home: { readonly root: string }; space: SpaceRules; ended: EndedRuns },
  activity: (input: I) => Promise<R>,
): (input: I) => Promise<R> {
  return async (input) => {
    const runEnded = ended.signal(input.subagent);
    const gate = new SpaceGate([home.root], space);
    try {
      await gate.waitUntilFree(AbortSignal.any([cancellationSignal(), runEnded]));
    } catch (error) {
      if (!runEnded.aborted || cancellationSignal().aborted) throw error;
    }
    return activity(input);
  };
}

/** The space checks of one activity. */
export class SpaceGate {
  readonly #folders: readonly string[];
  readonly #reserveBytes: number;
  readonly #report: (wait: SpaceSignal) => Promise<unknown>;
  #waitedMs = 0;
  #since: number | undefined;
  #lack: string | undefined;

  /** @param folders the folders that the activity writes to */
  constructor(folders: readonly string[], { reserveBytes, report = signalWorkflow }: SpaceRules) {
    this.#folders = folders;
    this.#reserveBytes = reserveBytes;
    this.#report = report;
  }

  /** Describes what the gate is waiting for; undefined while it does not wait. */
  get waitReason(): string | undefined {
    return this.#since === undefined ? undefined : this.#lack;
  }

  /** Total time spent waiting, in milliseconds. */
  get waitedMs(): number {
    return this.#waitedMs + (this.#since === undefined ? 0 : Date.now() - this.#since);
  }

  /**
   * Resolves once there is space; sends heartbeats until then. @throws the reason of `signal` when that ends the
   * wait
   */
  async waitUntilFree(signal: AbortSignal): Promise<void> {
    const since = new Date().toISOString();
    await this.#wait(signal, () => {
      const doing = `waits for space: ${this.#lack}`;
      heartbeat({ doing, since, lastEventAt: since, usage: NO_USAGE } satisfies ActivityProgress);
    });
  }

  /**
   * Runs `work` once there is space, and again when space ran out during it.
   * @param work runs one command, and ends it when its signal aborts
   * @returns the result of the last run, with notes about ended runs
   * @throws SubagentsError DISK_FULL when space ran out during every run; the reason of `signal` when that aborted
   */
  async run<T extends { readonly exitCode: number | null }>(
    what: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<{ readonly result: T; readonly notes: readonly string[] }> {
    const notes: string[] = [];
    for (let runs = 1; ; runs++) {
      await this.#wait(signal);
      const result = await this.#runWatched(signal, work);
      const lack = this.#checkSpace();
      // A command that failed while the disk is full may have failed for that reason.
      const isOwnResult = lack === undefined || result?.exitCode === 0;
      if (result !== undefined && isOwnResult) return { result, notes };
      const why = lack ?? this.#lack ?? 'there was no space left';
      if (runs === MAX_RUNS) {
        throw new SubagentsError(
          'DISK_FULL',
          `${what} was stopped ${runs} times because the disk was full: ${why}`,
          {
            remedy: 'Free some space there or use a larger disk, then continue the subagent.',
          },
        );
      }
      notes.push(`${what} was stopped because the disk was full, and run again once there was space: ${why}`);
    }
  }

  /** Returns undefined when the work was stopped for lack of space. */
  async #runWatched<T>(
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    const full = new AbortController();
    const timer = setInterval(() => {
      if (this.#checkSpace() !== undefined) full.abort();
    }, CHECK_INTERVAL_MS);
    try {
      return await work(AbortSignal.any([signal, full.signal]));
    } catch (error) {
      if (!full.signal.aborted || signal.aborted) throw error;
      return undefined;
    } finally {
      clearInterval(timer);
    }
  }

  async #wait(signal: AbortSignal, waiting: () => void = () => undefined): Promise<void> {
    if (this.#checkSpace() === undefined) return;
    signal.throwIfAborted();
    const since = Date.now();
    this.#since = since;
    let isReported = false;
    try {
      for (let lack = this.#checkSpace(); lack !== undefined; lack = this.#checkSpace()) {
        waiting();
        if (!isReported && Date.now() - since >= REPORT_AFTER_MS)
          isReported = await this.#reportWait({ lack });
        await delay(CHECK_INTERVAL_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
      }
    } finally {
      this.#waitedMs += Date.now() - since;
      this.#since = undefined;
      if (isReported) await this.#reportWait({});
    }
  }

  /** Returns whether the report was delivered. */
  async #reportWait(wait: SpaceSignal): Promise<boolean> {
    try {
      await this.#report(wait);
      return true;
    } catch {
      return false;
    }
  }

  #checkSpace(): string | undefined {
    const lack = spaceProblem(this.#folders, this.#reserveBytes)?.message;
    this.#lack = lack ?? this.#lack;
    return lack;
  }
}

async function signalWorkflow(wait: SpaceSignal): Promise<void> {
  const { client, info } = Context.current();
  const { workflowId, runId } = info.workflowExecution ?? {};
  if (workflowId === undefined) return;
  await client.workflow.getHandle(workflowId, runId).signal<[SpaceSignal]>(SUBAGENT.space, wait);
}
