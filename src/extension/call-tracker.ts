/** Counts running tool calls. */
export class CallTracker {
  #calls = 0;
  #waiting: (() => void)[] = [];

  callStarted(): void {
    this.#calls += 1;
  }

  callEnded(): void {
    this.#calls -= 1;
    if (this.#calls > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Waits until no call runs. */
  async quiet(): Promise<void> {
    if (this.#calls > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
