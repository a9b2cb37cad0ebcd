/** A part that lived this long was well: its death is not held against the next one. In milliseconds. */
const WELL_AFTER_MS = 30_000;
/** Quick deaths in a row after which a part that has been ready is given up: about a minute of trying. */
const MAX_QUICK_DEATHS = 8;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 15_000;

/** When a part that died is started again, and when it is given up. */
export class Restarts {
  readonly #failedStarts: number;
  #quickDeaths = 0;
  #wasReady = false;

  /** @param options.failedStarts how many starts may fail before a part that never was ready is given up */
  constructor(options: { readonly failedStarts: number }) {
    this.#failedStarts = options.failedStarts;
  }

  /** Whether the part has ever been ready. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  /** The part is ready. */
  ready(): void {
    this.#wasReady = true;
  }

  /**
   * The part has died after `livedMs` milliseconds.
   * @returns how long to wait before the next start, in milliseconds (0 for the first death); undefined to give it up.
   */
  died(livedMs: number): number | undefined {
    this.#quickDeaths = livedMs >= WELL_AFTER_MS ? 1 : this.#quickDeaths + 1;
    if (this.#quickDeaths >= (this.#wasReady ? MAX_QUICK_DEATHS : this.#failedStarts)) return undefined;
    return this.#quickDeaths === 1
      ? 0
      : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#quickDeaths - 2));
  }
}
