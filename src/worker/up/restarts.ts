/** A part that lived this long was healthy, so its death restarts the count of quick deaths. In milliseconds. */
const WELL_AFTER_MS = 30_000;
/** Quick deaths in a row after which a part that has been ready is given up: about a minute of trying. */
const MAX_QUICK_DEATHS = 8;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 15_000;

/** Decides when a dead part is restarted, and when it is given up. */
export class Restarts {
  readonly #failedStarts: number;
  #quickDeaths = 0;
  #wasReady = false;

  /** @param options.failedStarts how many starts may fail before a part that was never ready is given up */
  constructor(options: { readonly failedStarts: number }) {
    this.#failedStarts = options.failedStarts;
  }

  /** Whether the part has ever been ready. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  /** Records that the part is ready. */
  ready(): void {
    this.#wasReady = true;
  }

  /**
   * Records that the part has died after `livedMs` milliseconds.
   * @returns how long to wait before the next start, in milliseconds (0 for the first death); undefined to give the
   * part up
   */
  died(livedMs: number): number | undefined {
    this.#quickDeaths = livedMs >= WELL_AFTER_MS ? 1 : this.#quickDeaths + 1;
    if (this.#quickDeaths >= (this.#wasReady ? MAX_QUICK_DEATHS : this.#failedStarts)) return undefined;
    return this.#quickDeaths === 1
      ? 0
      : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#quickDeaths - 2));
  }
}
