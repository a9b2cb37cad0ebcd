/** A clock that counts only running time: not while the machine sleeps or the process is suspended. */

/** A longer gap than this between two readings, in milliseconds, means that the process was suspended. */
const MAX_GAP_MS = 5_000;

/** Accurate only if it is read at least once a second. */
export class WorkClock {
  readonly #now: () => number;
  #updatedAt: number;
  #workedMs = 0;
  #awakeSince: number;

  /** Starts counting. `now`: milliseconds since the epoch. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#updatedAt = now();
    this.#awakeSince = this.#updatedAt;
  }

  /** Time worked so far, in milliseconds. */
  get workedMs(): number {
    this.#update();
    return this.#workedMs;
  }

  /** When the clock started, or the process last resumed after a suspension; in milliseconds since the epoch. */
  get awakeSince(): number {
    this.#update();
    return this.#awakeSince;
  }

  #update(): void {
    const now = this.#now();
    const gap = now - this.#updatedAt;
    this.#updatedAt = now;
    // The machine's clock may be set back.
    this.#workedMs += Math.min(Math.max(gap, 0), MAX_GAP_MS);
    if (gap > MAX_GAP_MS) this.#awakeSince = now;
  }
}
