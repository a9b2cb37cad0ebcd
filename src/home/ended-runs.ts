/** The runs that have ended on this worker: no further work starts for them, even if it was already requested. */
import type { SubagentRef } from '../contract/index.ts';
import { BoundedMap } from '../system/bounded-map.ts';

type Run = Pick<SubagentRef, 'copilotSessionId' | 'run'>;

/** Remembers ended runs, and signals their end. */
export class EndedRuns {
  /** Controllers of runs that have not ended. */
  readonly #controllers = new Map<string, AbortController>();
  readonly #ended = new BoundedMap<true>();

  /** Marks the run as ended; this is final. */
  end(run: Run): void {
    const key = keyOf(run);
    this.#ended.set(key, true);
    this.#controllers.get(key)?.abort(hasEnded());
    this.#controllers.delete(key);
  }

  has(run: Run): boolean {
    return this.#ended.has(keyOf(run));
  }

  /** Returns a signal that is aborted when the run ends. */
  signal(run: Run): AbortSignal {
    const key = keyOf(run);
    if (this.#ended.has(key)) return AbortSignal.abort(hasEnded());
    const controller = this.#controllers.get(key) ?? new AbortController();
    this.#controllers.set(key, controller);
    return controller.signal;
  }
}

const keyOf = ({ copilotSessionId, run }: Run): string => `${copilotSessionId}@${run}`;

const hasEnded = (): Error => new Error('its run has ended');
