/** The room of one worker: how many subagents it holds at once. A subagent that had room before goes ahead of new ones. */

/** Room taken by one stay; `left` resolves when somebody gave it back. */
export interface Place {
  readonly left: Promise<void>;
}

interface Waiting {
  readonly key: string;
  readonly returning: boolean;
  readonly admit: (place: Place) => void;
}

export class Room {
  readonly capacity: number;
  readonly #held = new Map<string, () => void>();
  #waiting: Waiting[] = [];

  /** `capacity`: subagents at once. */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Waits for room under `key` (unique for each stay). Rejects with the reason of `signal` when that aborts first. */
  take(key: string, returning: boolean, signal: AbortSignal): Promise<Place> {
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

  /** Gives the room of `key` back. Nothing happens where it has none. */
  leave(key: string): void {
    const left = this.#held.get(key);
    if (!left) return;
    this.#held.delete(key);
    left();
    this.#admit();
  }

  /** Gives back whatever room the subagent holds, whichever stay took it. */
  leaveAll(prefix: string): void {
    for (const key of [...this.#held.keys()]) if (key.startsWith(prefix)) this.leave(key);
  }

  #admit(): void {
    while (this.#held.size < this.capacity) {
      const next = this.#waiting.find((waiting) => waiting.returning) ?? this.#waiting[0];
      if (!next) return;
      this.#waiting = this.#waiting.filter((other) => other !== next);
      const left = new Promise<void>((resolve) => this.#held.set(next.key, resolve));
      next.admit({ left });
    }
  }
}
