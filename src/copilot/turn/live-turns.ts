/** The turns that run on this worker, by Copilot session. A session never has two. */
import { BoundedMap } from '../../system/bounded-map.ts';
import { changeOrTimeout, ChangeSignal } from './change-signal.ts';
import type { LiveTurn } from './live-turn.ts';

export class LiveTurns {
  readonly #live = new Map<string, LiveTurn>();
  /** Number of the newest ended turn, by Copilot session. */
  readonly #ended = new BoundedMap<number>();
  /** Copilot sessions that are being closed. */
  readonly #closing = new Map<string, Promise<void>>();
  readonly #attempts = new Map<string, { controller: AbortController; over: Promise<unknown> }>();
  readonly #changed = new ChangeSignal();

  get(copilotSessionId: string): LiveTurn | undefined {
    return this.#live.get(copilotSessionId);
  }

  /** Throws if the Copilot session already has a turn. */
  add(turn: LiveTurn): void {
    if (this.#live.has(turn.copilotSessionId))
      throw new Error(`two turns at once on Copilot session ${turn.copilotSessionId}`);
    this.#live.set(turn.copilotSessionId, turn);
    this.#changed.notify();
  }

  /** Ends a turn here; `final`: no other attempt at the same turn is expected. */
  remove(turn: LiveTurn, final: boolean): void {
    turn.detach();
    if (this.#live.get(turn.copilotSessionId) === turn) this.#live.delete(turn.copilotSessionId);
    if (final) this.#ended.set(turn.copilotSessionId, turn.number);
    this.#changed.notify();
  }

  /** Waits at most `ms` milliseconds for turn `number` to begin; `undefined` if it has ended or does not begin. */
  async waitFor(copilotSessionId: string, number: number, ms: number): Promise<LiveTurn | undefined> {
    const deadline = Date.now() + ms;
    for (;;) {
      const live = this.#live.get(copilotSessionId);
      if (live !== undefined && live.number >= number) return live.number === number ? live : undefined;
      const left = deadline - Date.now();
      if ((this.#ended.get(copilotSessionId) ?? 0) >= number || left <= 0) return undefined;
      await changeOrTimeout(this.#changed, left);
    }
  }

  /**
   * Runs an attempt at a turn of a Copilot session. One at a time: a newer attempt aborts the older one's signal, and
   * waits until that attempt has ended.
   */
  async attempt<T>(copilotSessionId: string, run: (superseded: AbortSignal) => Promise<T>): Promise<T> {
    for (let older; (older = this.#attempts.get(copilotSessionId)) !== undefined;) {
      older.controller.abort();
      await older.over.catch(() => undefined);
    }
    const controller = new AbortController();
    const over = run(controller.signal);
    const attempt = { controller, over };
    this.#attempts.set(copilotSessionId, attempt);
    try {
      return await over;
    } finally {
      if (this.#attempts.get(copilotSessionId) === attempt) this.#attempts.delete(copilotSessionId);
    }
  }

  /** Registers that the session is being closed; it must not be opened before `closed` settles. */
  markClosing(copilotSessionId: string, waitUntilClosed: Promise<void>): void {
    const settled = waitUntilClosed
      .catch(() => undefined)
      .then(() => {
        if (this.#closing.get(copilotSessionId) === settled) this.#closing.delete(copilotSessionId);
      });
    this.#closing.set(copilotSessionId, settled);
  }

  /** Settles when the session is not being closed any more. */
  async closed(copilotSessionId: string): Promise<void> {
    await this.#closing.get(copilotSessionId);
  }
}
