/** Records when announcements reach this process. */
import type { SessionHandle } from '../src/client/index.ts';
import { now } from './clock.ts';

/** The announced end of one subagent; `at` is in milliseconds since the epoch. */
interface Arrival {
  readonly at: number;
  readonly problem?: string;
}

export class Arrivals {
  readonly #arrived = new Map<string, Arrival>();
  readonly #waiting = new Map<string, (arrival: Arrival) => void>();
  readonly #followed: Promise<never>;

  /** Follows the announcements of a session from now on, until its connection is closed. */
  constructor(session: SessionHandle) {
    this.#followed = this.#follow(session);
    // `of` reports the rejection.
    this.#followed.catch(() => undefined);
  }

  /** When the end of the subagent was announced, in milliseconds since the epoch. @throws if it did not end as done */
  async of(label: string): Promise<number> {
    const arrival =
      this.#arrived.get(label) ??
      (await Promise.race([
        new Promise<Arrival>((resolve) => this.#waiting.set(label, resolve)),
        this.#followed,
      ]));
    if (arrival.problem !== undefined) throw new Error(arrival.problem);
    return arrival.at;
  }

  async #follow(session: SessionHandle): Promise<never> {
    for await (const { label, kind, summary } of session.announcements()) {
      const arrival = {
        at: now(),
        ...(kind !== 'completed' && { problem: `${label} is ${kind}: ${summary}` }),
      };
      this.#arrived.set(label, arrival);
      this.#waiting.get(label)?.(arrival);
    }
    throw new Error('the announcements ended');
  }
}
