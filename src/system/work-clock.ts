/** How long there was work: a machine that sleeps, and a process that stands still, do none. */

/** More than this between two looks, in milliseconds, and the process stood still in between. */
const MAX_GAP_MS = 5_000;

/** Counts while somebody looks at it at least once a second. */
export class WorkClock {
  readonly #now: () => number;
  #looked: number;
  #workedMs = 0;
  #awakeSince: number;

  /** Begins to count. `now`: milliseconds since the epoch. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#looked = now();
    this.#awakeSince = this.#looked;
  }

  /** Time worked so far, in milliseconds. */
  get workedMs(): number {
    this.#look();
    return this.#workedMs;
  }

  /** When it began, or went on after it had stood still; in milliseconds since the epoch. */
  get awakeSince(): number {
    this.#look();
    return this.#awakeSince;
  }

  #look(): void {
    const now = this.#now();
    const gap = now - this.#looked;
    this.#looked = now;
    // The clock of the machine may be set back.
    this.#workedMs += Math.min(Math.max(gap, 0), MAX_GAP_MS);
    if (gap > MAX_GAP_MS) this.#awakeSince = now;
  }
}
