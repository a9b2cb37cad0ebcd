/**
 * Reports in the status and to the main agent that the worker waits for disk space before it goes on with this
 * subagent.
 */
import type { Announcer } from './announcer.ts';
import { WAIT_TEXT } from './pauses.ts';
import type { StatusPublisher } from './status-publisher.ts';

export class SpaceNotices {
  readonly #status: StatusPublisher;
  readonly #announcer: Announcer;

  constructor(status: StatusPublisher, announcer: Announcer) {
    this.#status = status;
    this.#announcer = announcer;
  }

  /** Sets what is lacking; undefined once the work goes on. A lack is announced once. */
  async handleSignal(lack: string | undefined): Promise<void> {
    const before = this.#status.lacksSpace;
    this.#status.lacksSpace =
      lack === undefined ? undefined : { since: before?.since ?? new Date().toISOString(), detail: lack };
    this.#status.publish();
    if (before === undefined && lack !== undefined)
      await this.#announcer.announce('notice', `${WAIT_TEXT.space}: ${lack}`);
  }
}
