/** The runs that have been ended on this worker: of what is on its way to one of them, nothing begins any more. */
import type { SubagentRef } from '../contract/index.ts';
import { Recent } from '../system/recent.ts';

type Run = Pick<SubagentRef, 'copilotSessionId' | 'run'>;

export class EndedRuns {
  /** Of runs that go on. */
  readonly #controllers = new Map<string, AbortController>();
  readonly #ended = new Recent<true>();

  /** Ends the run, for good. */
  end(run: Run): void {
    const key = keyOf(run);
    this.#ended.set(key, true);
    this.#controllers.get(key)?.abort(hasEnded());
    this.#controllers.delete(key);
  }

  has(run: Run): boolean {
    return this.#ended.has(keyOf(run));
  }

  /** Aborted when the run has ended. */
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
