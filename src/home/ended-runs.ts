/** The runs that have been ended on this worker: of what is on its way to one of them, nothing begins any more. */
import type { SubagentRef } from '../contract/index.ts';

type Run = Pick<SubagentRef, 'copilotSessionId' | 'run'>;

export class EndedRuns {
  readonly #controllers = new Map<string, AbortController>();

  /** Ends the run, for good. */
  end(run: Run): void {
    this.#controllerOf(run).abort(new Error('its run has ended'));
  }

  has(run: Run): boolean {
    return this.signal(run).aborted;
  }

  /** Aborted when the run has ended. */
  signal(run: Run): AbortSignal {
    return this.#controllerOf(run).signal;
  }

  #controllerOf({ copilotSessionId, run }: Run): AbortController {
    const key = `${copilotSessionId}@${run}`;
    const known = this.#controllers.get(key);
    if (known !== undefined) return known;
    const controller = new AbortController();
    this.#controllers.set(key, controller);
    return controller;
  }
}
