/** Work is done while the disks have their reserve; with less it waits, and a command that runs then is ended and run again. */
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
import { lackOfSpace } from '../../src/copilot/turn/space-watch.ts';
import type { EndedRuns } from '../../src/home/ended-runs.ts';

/** Between two looks at the free space, in milliseconds. */
const LOOK_EVERY_MS = 500;
/** A wait that lasts so long is told, in milliseconds. */
const TELL_AFTER_MS = 3_000;
/** A command that takes the space itself, so often, is run no more. */
const MAX_RUNS = 3;

export interface SpaceRules {
  /** With less free space commands wait, in bytes; 0: they never do. */
  readonly reserveBytes: number;
  /** Hears of a wait that lasts, and (without `lack`) of its end; default: the workflow of the activity. */
  readonly tell?: (wait: SpaceSignal) => Promise<unknown>;
}

/** No command waits. */
export const NO_SPACE_RULES: SpaceRules = { reserveBytes: 0 };

/** Has `activity` wait until the disks of the home have their reserve. It does not wait once its run has been ended: the work is saved. */
export function onceSpace<I extends { readonly subagent: SubagentRef }, R>(
  { home, space, ended }: { home: { readonly root: string }; space: SpaceRules; ended: EndedRuns },
  activity: (input: I) => Promise<R>,
): (input: I) => Promise<R> {
  return async (input) => {
    const over = ended.signal(input.subagent);
    const gate = new SpaceGate([home.root], space);
    try {
      await gate.ready(AbortSignal.any([cancellationSignal(), over]));
    } catch (error) {
      if (!over.aborted || cancellationSignal().aborted) throw error;
    }
    return activity(input);
  };
}

/** For one activity. */
export class SpaceGate {
  readonly #folders: readonly string[];
  readonly #reserveBytes: number;
  readonly #tell: (wait: SpaceSignal) => Promise<unknown>;
  #waitedMs = 0;
  #since: number | undefined;
  #lack: string | undefined;

  /** @param folders those that are written to */
  constructor(folders: readonly string[], { reserveBytes, tell = tellWorkflow }: SpaceRules) {
    this.#folders = folders;
    this.#reserveBytes = reserveBytes;
    this.#tell = tell;
  }

  /** What it waits for at the moment, in words. */
  get waitsFor(): string | undefined {
    return this.#since === undefined ? undefined : this.#lack;
  }

  /** How long it has waited, in milliseconds. */
  get waitedMs(): number {
    return this.#waitedMs + (this.#since === undefined ? 0 : Date.now() - this.#since);
  }

  /** Settles once there is space, with heartbeats until then. @throws the reason of `signal` when that ends the wait */
  async ready(signal: AbortSignal): Promise<void> {
    const since = new Date().toISOString();
    await this.#wait(signal, () => {
      const doing = `waits for space: ${this.#lack}`;
      heartbeat({ doing, since, lastEventAt: since, usage: NO_USAGE } satisfies ActivityProgress);
    });
  }

  /**
   * Does `work` once there is space; again where space ran out under it.
   * @param work runs one command; it ends with its signal
   * @returns what came of it, with notes of what was ended
   * @throws SubagentsError DISK_FULL where it takes the space itself again and again; the reason of `signal` when that ended it
   */
  async run<T extends { readonly exitCode: number | null }>(
    what: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<{ readonly result: T; readonly notes: readonly string[] }> {
    const notes: string[] = [];
    for (let runs = 1; ; runs++) {
      await this.#wait(signal);
      const result = await this.#watched(signal, work);
      const lack = this.#look();
      // One that failed on a full disk may have failed by it.
      const isItsOwn = lack === undefined || result?.exitCode === 0;
      if (result !== undefined && isItsOwn) return { result, notes };
      const why = lack ?? this.#lack ?? 'there was no space left';
      if (runs === MAX_RUNS) {
        throw new SubagentsError('DISK_FULL', `${what} was ended ${runs} times for want of space: ${why}`, {
          remedy: 'Free some space there, or give it a larger disk; then continue.',
        });
      }
      notes.push(`${what} was ended, and run again once there was space: ${why}`);
    }
  }

  /** Undefined when it was ended for want of space. */
  async #watched<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const full = new AbortController();
    const timer = setInterval(() => {
      if (this.#look() !== undefined) full.abort();
    }, LOOK_EVERY_MS);
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
    if (this.#look() === undefined) return;
    signal.throwIfAborted();
    const since = Date.now();
    this.#since = since;
    let told = false;
    try {
      for (let lack = this.#look(); lack !== undefined; lack = this.#look()) {
        waiting();
        if (!told && Date.now() - since >= TELL_AFTER_MS) told = await this.#told({ lack });
        await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
      }
    } finally {
      this.#waitedMs += Date.now() - since;
      this.#since = undefined;
      if (told) await this.#told({});
    }
  }

  /** Whether it could be told. */
  async #told(wait: SpaceSignal): Promise<boolean> {
    try {
      await this.#tell(wait);
      return true;
    } catch {
      return false;
    }
  }

  #look(): string | undefined {
    const lack = lackOfSpace(this.#folders, this.#reserveBytes)?.message;
    this.#lack = lack ?? this.#lack;
    return lack;
  }
}

async function tellWorkflow(wait: SpaceSignal): Promise<void> {
  const { client, info } = Context.current();
  const { workflowId, runId } = info.workflowExecution ?? {};
  if (workflowId === undefined) return;
  await client.workflow.getHandle(workflowId, runId).signal<[SpaceSignal]>(SUBAGENT.space, wait);
}
