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
  readonly #onFree: (() => void)[] = [];
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
          this.#notifyFree();
          reject(signal.reason instanceof Error ? signal.reason : new Error('no longer wanted'));
        },
        { once: true },
      );
      this.#admit();
    });
  }

  /** Number of slots that nobody holds or waits for. */
  get free(): number {
    return Math.max(0, this.capacity - this.#held.size - this.#waiting.length);
  }

  /** Number of slots that are held or reserved. */
  get inUse(): number {
    return this.#held.size;
  }

  /** Registers `listener`, which is called when a slot is released, and when a waiting call gives up. */
  onFree(listener: () => void): void {
    this.#onFree.push(listener);
  }

  /**
   * Reserves a slot under `key`, unless `key` has one, for `reservedMs` milliseconds or until `takeOver`.
   * @param withinMs how long to wait for a slot
   * @returns whether there was one
   */
  async reserve(
    key: string,
    { withinMs, reservedMs }: { readonly withinMs: number; readonly reservedMs: number },
  ): Promise<boolean> {
    if (this.#held.has(key)) return true;
    try {
      await this.acquire(key, false, AbortSignal.timeout(withinMs));
    } catch {
      return false;
    }
    setTimeout(() => this.release(key), reservedMs).unref();
    return true;
  }

  /** Makes the slot that is reserved under `reserved` one of `key`; undefined if none is. */
  takeOver(reserved: string, key: string): Slot | undefined {
    if (!this.#held.delete(reserved)) return undefined;
    return this.#hold(key);
  }

  /** Releases the slot of `key`, if `key` holds one. */
  release(key: string): void {
    const release = this.#held.get(key);
    if (!release) return;
    this.#held.delete(key);
    release();
    this.#admit();
    this.#notifyFree();
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
      next.admit(this.#hold(next.key));
    }
  }

  #hold(key: string): Slot {
    return { released: new Promise((resolve) => this.#held.set(key, resolve)) };
  }

  #notifyFree(): void {
    if (this.free > 0) for (const listener of this.#onFree) listener();
  }
}
