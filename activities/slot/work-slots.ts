/**
 * The slots of one worker, which limit how many subagents work there at once. A subagent that held a slot there
 * before goes first.
 */

/** A held slot; `released` resolves when the slot is released. */
export interface Slot {
  readonly released: Promise<void>;
}

interface Waiting {
  readonly key: string;
  readonly returning: boolean;
  readonly admit: (slot: Slot) => void;
}

/** Grants slots to subagents, and queues them while all slots are held. */
export class WorkSlots {
  readonly capacity: number;
  readonly #held = new Map<string, () => void>();
  #waiting: Waiting[] = [];

  /** @param capacity maximum number of subagents at once */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /**
   * Waits for a slot under `key`, which is unique for each hold. Rejects with the reason of `signal` when that
   * aborts first.
   */
  acquire(key: string, returning: boolean, signal: AbortSignal): Promise<Slot> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { key, returning, admit: resolve };
      this.#waiting.push(waiting);
      signal.addEventListener(
        'abort',
        () => {
          this.#waiting = this.#waiting.filter((other) => other !== waiting);
          reject(signal.reason instanceof Error ? signal.reason : new Error('no longer wanted'));
        },
        { once: true },
      );
      this.#admit();
    });
  }

  /** Releases the slot of `key`, if `key` holds one. */
  release(key: string): void {
    const release = this.#held.get(key);
    if (!release) return;
    this.#held.delete(key);
    release();
    this.#admit();
  }

  /** Releases all slots of a subagent, by the common prefix of its hold keys. */
  releaseAll(prefix: string): void {
    for (const key of [...this.#held.keys()]) if (key.startsWith(prefix)) this.release(key);
  }

  #admit(): void {
    while (this.#held.size < this.capacity) {
      const next = this.#waiting.find((waiting) => waiting.returning) ?? this.#waiting[0];
      if (!next) return;
      this.#waiting = this.#waiting.filter((other) => other !== next);
      const released = new Promise<void>((resolve) => this.#held.set(next.key, resolve));
      next.admit({ released });
    }
  }
}
