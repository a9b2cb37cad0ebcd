/**
 * Ends commands of sandboxes that take more than they may. It runs in every worker, also where control groups bound
 * memory and processes: nothing else bounds the disk.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { BoundedResource, Denial } from '../../contract/index.ts';
import { boundText } from '../../prompts/index.ts';
import { diskUsage, freeBytes } from '../../system/disk.ts';
import { readIfThere, writePrivateFile } from '../../system/files.ts';
import { denialsSince } from '../denials-since.ts';
import { amountText, boundsSchema, type Bounds } from './bounds.ts';
import { nameless, RunningCommands, sharedOnce, takenBy, type Command } from './running.ts';
import { endedFile, NO_MEMORY } from './start.ts';

/** Milliseconds between two looks. */
const CALM_MS = 400;
/** Milliseconds between two looks while a sandbox takes more than half of a bound. */
const BUSY_MS = 100;
/** Every so many looks, files without a name are counted, too. */
const NAMELESS_EVERY = 4;
/** Milliseconds after which the folders of a sandbox are measured in any case. */
const MEASURE_EVERY_MS = 30_000;
/** The folders are measured when the free space has shrunk by this share of the bound. */
const MEASURE_SHARE = 0.05;
/** Milliseconds between the end of one measurement and the begin of the next, per millisecond that it took. */
const MEASURE_PAUSE = 5;
/** Once over the bound of its disk, a sandbox may take so much more until its commands are ended again: removing files needs some. */
const DISK_SLACK = 1.05;

/** What is known of the disk of one sandbox. */
interface DiskState {
  /** Free bytes when it was last measured. */
  free: number;
  /** Milliseconds since the epoch before which it is not measured again, and after which it is in any case. */
  notBefore: number;
  due: number;
  measuring: boolean;
  /** Bytes that it may take now. */
  limit: number;
}

/** How often commands of each sandbox were ended in this process, by what they took too much of. */
const ended = new Map<string, Map<string, Denial>>();

/** Begins to count the commands of a sandbox that are ended; see `denialsSince`. */
export const countEnded = ({ sandbox }: Pick<Bounds, 'sandbox'>): (() => Denial[]) =>
  denialsSince(() => [...(ended.get(sandbox)?.values() ?? [])]);

function recordEnded({ sandbox, ...bounds }: Bounds, resource: BoundedResource): void {
  const all = ended.get(sandbox) ?? new Map<string, Denial>();
  ended.set(sandbox, all);
  const what = `more than ${amountText(resource, bounds[resource])}`;
  all.set(resource, { tool: resource, what, count: (all.get(resource)?.count ?? 0) + 1 });
}

/**
 * Watches the programs that have an entry in the folder `running`, until stopped. It does not keep the process alive.
 * @param log called with a line for each command that was ended, and for each failure of the watch
 */
export function watchBounds(running: string, log: (line: string) => void): { stop(): void } {
  const watch = new Watch(running, log);
  let timer: NodeJS.Timeout;
  const look = (): void => {
    let pause = CALM_MS;
    try {
      pause = watch.look() ? BUSY_MS : CALM_MS;
    } catch (error) {
      log(`the bounds of sandboxes could not be looked at: ${String(error)}`);
    }
    timer = setTimeout(look, pause).unref();
  };
  look();
  return { stop: () => clearTimeout(timer) };
}

class Watch {
  readonly #running: string;
  readonly #log: (line: string) => void;
  readonly #commands: RunningCommands;
  /** Of each sandbox that this process has seen: a command must not get more because it is a new one. */
  readonly #disks = new Map<string, DiskState>();
  #looks = 0;

  constructor(running: string, log: (line: string) => void) {
    this.#running = running;
    this.#log = log;
    this.#commands = new RunningCommands(running);
  }

  /** Looks once; returns whether a sandbox takes more than half of a bound. */
  look(): boolean {
    this.#countKernels();
    const sandboxes = new Map<string, Command[]>();
    for (const command of this.#commands.list()) {
      const { sandbox } = command.bounds;
      sandboxes.set(sandbox, [...(sandboxes.get(sandbox) ?? []), command]);
    }
    if (sandboxes.size > 0) this.#looks++;
    const busy = [...sandboxes.values()].map((commands) => this.#check(commands));
    return busy.some(Boolean);
  }

  /** Counts the commands that the kernel has ended in their control group. */
  #countKernels(): void {
    for (const name of readdirSync(this.#running).filter((each) => each.endsWith(NO_MEMORY))) {
      const path = join(this.#running, name);
      const parsed = boundsSchema.safeParse(JSON.parse(readIfThere(path) ?? '{}'));
      rmSync(path, { force: true });
      if (!parsed.success) continue;
      recordEnded(parsed.data, 'memory');
      this.#log(`a command of ${parsed.data.sandbox} was ended by the kernel: memory`);
    }
  }

  #check(commands: readonly Command[]): boolean {
    const [{ bounds } = { bounds: undefined }] = commands;
    if (bounds === undefined) return false;
    // Only the number of processes at first: a program that starts itself again and again leaves no time for more.
    const count = sum(commands.map(({ pids }) => pids.length));
    const taken = count > bounds.processes ? [] : commands.map(takenBy);
    const processes = Math.max(count, sum(taken.map((each) => each.processes)));
    if (processes > bounds.processes) {
      this.#end(
        commands[
          largest(
            taken.length > 0 ? taken.map((each) => each.processes) : commands.map(({ pids }) => pids.length),
          )
        ],
        'processes',
      );
      return true;
    }
    const isTurn = this.#looks % NAMELESS_EVERY === 0;
    const unnamed = commands.map((each) => (isTurn ? nameless(each).memory : 0));
    const memory = taken.map((each, index) => each.memory + (unnamed[index] ?? 0));
    if (sum(memory) > bounds.memory && sum(commands.map(sharedOnce)) + sum(unnamed) > bounds.memory) {
      this.#end(commands[largest(memory)], 'memory');
      return true;
    }
    this.#checkDisk(bounds).catch((error: unknown) =>
      this.#log(`the folders of ${bounds.sandbox} could not be measured: ${String(error)}`),
    );
    return sum(memory) > bounds.memory / 2 || processes > bounds.processes / 2;
  }

  async #checkDisk(bounds: Bounds): Promise<void> {
    const { sandbox, disk, folders } = bounds;
    const now = Date.now();
    const free = freeBytes(sandbox);
    const state = this.#disks.get(sandbox) ?? {
      ...{ free, notBefore: 0, due: now, measuring: false, limit: disk },
    };
    this.#disks.set(sandbox, state);
    const isDue = now >= state.due || state.free - free > disk * MEASURE_SHARE;
    if (state.measuring || !isDue || now < state.notBefore) return;
    state.measuring = true;
    state.free = free;
    try {
      const taken = await this.#diskOf(sandbox, folders);
      if (taken > state.limit) {
        // All of them are one event: which of them has written is not known.
        const [first, ...others] = this.#commandsOf(sandbox);
        this.#end(first, 'disk');
        for (const command of others) this.#end(command, 'disk', false);
        if (state.limit === disk) state.limit = (await this.#diskOf(sandbox, folders)) * DISK_SLACK;
      } else if (taken <= disk) state.limit = disk;
    } finally {
      const took = Date.now() - now;
      state.measuring = false;
      state.notBefore = Date.now() + took * MEASURE_PAUSE;
      state.due = Date.now() + MEASURE_EVERY_MS;
    }
  }

  async #diskOf(sandbox: string, folders: readonly string[]): Promise<number> {
    const unnamed = sum(this.#commandsOf(sandbox).map((each) => nameless(each).disk));
    return unnamed + (await diskUsage(folders));
  }

  #commandsOf(sandbox: string): Command[] {
    return this.#commands.list().filter(({ bounds }) => bounds.sandbox === sandbox);
  }

  /** Says why, then ends all processes of a command. With the first of a namespace the kernel ends all others. */
  #end(command: Command | undefined, resource: BoundedResource, counts = true): void {
    if (command === undefined) return;
    const { entry, bounds, first } = command;
    const isNew = !existsSync(endedFile(entry));
    writePrivateFile(endedFile(entry), `${boundText(resource, amountText(resource, bounds[resource]))}\n`);
    try {
      process.kill(first, 'SIGKILL');
    } catch {
      // It has just ended.
    }
    if (!isNew || !counts) return;
    recordEnded(bounds, resource);
    this.#log(`a command of ${bounds.sandbox} was ended: ${resource}`);
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/** The index of the largest number. */
const largest = (numbers: readonly number[]): number => numbers.indexOf(Math.max(...numbers));
