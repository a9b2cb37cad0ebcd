/** Checks disk space for a turn: the disks it writes to keep a reserve, and its folder stays within its limit. */
import { diskUsage } from '../../system/disk.ts';
import { freeBytes, megabytes } from '../../system/disk.ts';
import type { TurnFailure } from '../../contract/index.ts';

/** Milliseconds between checks of the free space. */
const CHECK_INTERVAL_MS = 500;
/**
 * Milliseconds between measurements of the folder, or this multiple of the last measurement's duration if that is
 * longer.
 */
const MEASURE_EVERY_MS = 10_000;
const MEASURE_REST = 20;

/** The disk limits of a turn. */
export interface SpaceBounds {
  /** Turns pause when less than this is free, in bytes. */
  readonly reserveBytes: number;
  /** Limit for the folder of one subagent, in bytes; Infinity: no limit. */
  readonly maxFolderBytes: number;
}

/**
 * The failure if a disk has less free space than the reserve; undefined if all have enough. @param folders folders on
 * the disks to check
 */
export function spaceProblem(folders: readonly string[], reserveBytes: number): TurnFailure | undefined {
  for (const folder of folders) {
    const free = freeBytes(folder);
    if (free >= reserveBytes) continue;
    const message = `only ${megabytes(free)} are free on the disk of ${folder}, less than the reserve of ${megabytes(reserveBytes)}`;
    const remedy = `free some space there; the reserve is set with SUBAGENTS_RESERVE`;
    return { class: 'disk', message, remedy, retryable: false, waitFor: 'space' };
  }
  return undefined;
}

/** Checks space while a turn runs. */
export class SpaceWatch {
  readonly #folders: readonly string[];
  readonly #cwd: string;
  readonly #bounds: SpaceBounds;
  #checkedAt = -Infinity;
  #measureAt = 0;
  #folderBytes = 0;

  /** @param home the worker's home @param cwd the folder of the subagent */
  constructor(home: string, cwd: string, bounds: SpaceBounds) {
    this.#folders = [home, cwd];
    this.#cwd = cwd;
    this.#bounds = bounds;
  }

  /** Why the turn cannot go on, if a check is due and finds a problem; otherwise undefined. */
  lack(): TurnFailure | undefined {
    const now = performance.now();
    if (now - this.#checkedAt < CHECK_INTERVAL_MS) return undefined;
    this.#checkedAt = now;
    if (Number.isFinite(this.#bounds.maxFolderBytes) && now >= this.#measureAt) void this.#measure(now);
    return spaceProblem(this.#folders, this.#bounds.reserveBytes) ?? this.#tooLarge();
  }

  async #measure(began: number): Promise<void> {
    this.#measureAt = Infinity;
    this.#folderBytes = await diskUsage([this.#cwd]);
    const now = performance.now();
    this.#measureAt = now + Math.max(MEASURE_EVERY_MS, (now - began) * MEASURE_REST);
  }

  #tooLarge(): TurnFailure | undefined {
    const { maxFolderBytes } = this.#bounds;
    if (this.#folderBytes <= maxFolderBytes) return undefined;
    return {
      class: 'disk',
      message: `its folder ${this.#cwd} takes ${megabytes(this.#folderBytes)}, more than the ${megabytes(maxFolderBytes)} that SUBAGENTS_MAX_FOLDER allows`,
      remedy:
        'remove unneeded files there, or raise SUBAGENTS_MAX_FOLDER of the worker; then continue the subagent',
      retryable: false,
    };
  }
}
