/**
 * What runs within bounds now, and what it takes. Each command has a namespace of processes and a /proc of its own, which is
 * read from outside through one of its processes: that takes as long as the command has processes, however many the
 * machine has.
 */
import { readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { namesIn, readIfThere } from '../../system/files.ts';
import { statFieldsAt } from '../../system/process.ts';
import { boundsSchema, type Bounds } from './bounds.ts';
import { endedFile } from './start.ts';

/** Bytes of a page; some 64-bit ARM machines have larger ones, and then count too little. */
const PAGE_BYTES = 4096;
const BLOCK_BYTES = 512;
/** Milliseconds that bwrap may take until it has made its namespaces. */
const STARTING_MS = 30_000;

/** One command behind walls. */
export interface Command {
  /** Path of its entry. */
  readonly entry: string;
  readonly bounds: Bounds;
  /** The first process of its namespace: with it the kernel ends all others. */
  readonly first: number;
  /** Its own /proc. */
  readonly proc: string;
  /** Ids of its processes there. */
  readonly pids: readonly string[];
}

/** What a command takes. */
export interface Taken {
  /** Processes and threads. */
  readonly processes: number;
  /** Bytes of memory; what processes share is counted for each. */
  readonly memory: number;
}

type Known = Omit<Command, 'pids'>;

/** The commands with an entry in one folder. */
export class RunningCommands {
  readonly #folder: string;
  readonly #known = new Map<string, Known>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Returns the commands that run now. Removes entries of programs that are gone. */
  list(): Command[] {
    const names = readdirSync(this.#folder).filter((name) => /^\d+$/.test(name));
    for (const name of this.#known.keys()) if (!names.includes(name)) this.#known.delete(name);
    return names.flatMap((name) => {
      const known = this.#known.get(name) ?? readEntry(join(this.#folder, name));
      const pids = known === undefined ? [] : pidsIn(known.proc);
      if (known !== undefined && pids.length > 0) {
        this.#known.set(name, known);
        return [{ ...known, pids }];
      }
      this.#known.delete(name);
      removeStale(join(this.#folder, name));
      return [];
    });
  }
}

/** Reads an entry, and finds its processes; undefined as long as there are none, or no more. */
function readEntry(entry: string): Known | undefined {
  try {
    const bounds = boundsSchema.parse(JSON.parse(readIfThere(entry) ?? ''));
    let first = basename(entry);
    const outside = idsOf(first).length;
    // Down from the shell that started it, to the first process of the innermost namespace, which starts the second: that one
    // can be looked into, and lives as long.
    for (let pid = childOf(first); pid !== undefined; pid = childOf(pid)) {
      const proc = join('/proc', pid, 'root', 'proc');
      const ids = idsOf(pid);
      if (ids.length > outside && ids.at(-1) === SECOND && pidsIn(proc).length > 0)
        return { entry, bounds, first: Number(first), proc };
      first = pid;
    }
  } catch {
    // It is being written, or its processes have just ended.
  }
  return undefined;
}

/** The first child of a process. @throws the system's error when it is gone */
const childOf = (pid: string): string | undefined =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').find(Boolean);

/** The ids of a process: in our namespace, and in each one below, down to its own. @throws as `childOf` */
const idsOf = (pid: string): number[] =>
  (/^NSpid:(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '')
    .trim()
    .split('\t')
    .map(Number);
/** The id of the second process of a namespace. */
const SECOND = 2;

const pidsIn = (proc: string): string[] => namesIn(proc).filter((name) => /^\d+$/.test(name));

/** Removes an entry whose shell is gone without having done that. */
function removeStale(entry: string): void {
  try {
    if (Date.now() - statSync(entry).mtimeMs < STARTING_MS) return;
    process.kill(Number(basename(entry)), 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') return;
    for (const path of [entry, endedFile(entry)]) rmSync(path, { force: true });
  }
}

/** What a command takes, except files without a name. */
export function takenBy({ proc, pids }: Command): Taken {
  let [processes, memory] = [0, 0];
  for (const pid of pids) {
    const fields = statFieldsAt(join(proc, pid)) ?? [];
    processes += Number(fields[17] ?? 0);
    memory += Number(fields[21] ?? 0) * PAGE_BYTES;
  }
  return { processes, memory };
}

/** Bytes of memory of a command, what processes share counted once. */
export function sharedOnce({ proc, pids }: Command): number {
  let bytes = 0;
  for (const pid of pids) {
    try {
      const [, kibibytes = '0'] =
        /^Pss:\s+(\d+) kB$/m.exec(readFileSync(join(proc, pid, 'smaps_rollup'), 'latin1')) ?? [];
      bytes += Number(kibibytes) * 1024;
    } catch {
      // It has just ended.
    }
  }
  return bytes;
}

/** Bytes of files that have no name any more and that a command holds open: in memory, and on a disk. */
export function nameless({ proc, pids }: Command): { readonly memory: number; readonly disk: number } {
  const seen = new Set<string>();
  const found = { memory: 0, disk: 0 };
  for (const pid of pids) {
    const folder = join(proc, pid, 'fd');
    for (const descriptor of namesIn(folder)) {
      try {
        const path = join(folder, descriptor);
        const target = readlinkSync(path);
        if (!target.endsWith(' (deleted)')) continue;
        const { dev, ino, blocks } = statSync(path);
        if (seen.has(`${dev} ${ino}`)) continue;
        seen.add(`${dev} ${ino}`);
        found[/^\/(memfd:|dev\/shm\/)/.test(target) ? 'memory' : 'disk'] += blocks * BLOCK_BYTES;
      } catch {
        // It has just been closed.
      }
    }
  }
  return found;
}
