import {
  plural,
  SESSION,
  sessionWorkflowId,
  signalName,
  type AcknowledgeSignal,
} from '../../contract/index.ts';
import { reopenSession } from '../../temporal/reopen-session.ts';
import { isNotFound } from '../errors.ts';
import { pause, settleWithin } from './following.ts';
import type { Link } from '../connection/link.ts';

/** Delay between two tries to deliver an acknowledgement, in milliseconds. */
const RETRY_MS = 1_000;

/**
 * Sends the signal `acknowledge`. If there are ids to acknowledge, a session that was ended from outside is reopened
 * for it; a session that was cancelled or never existed is not.
 */
export async function sendAcknowledgement(
  link: Link,
  session: string,
  receiver: string,
  ids: readonly string[],
): Promise<void> {
  const signal: AcknowledgeSignal = { receiver, ids: [...ids] };
  const doing = `acknowledge announcements of session ${session}`;
  const name = signalName(SESSION.acknowledge, `${receiver} has ${plural(ids.length, 'announcement')}`);
  const send = (): Promise<boolean> =>
    link.call(doing, async () => {
      try {
        await link.client.workflow.getHandle(sessionWorkflowId(session)).signal(name, signal);
        return true;
      } catch (error) {
        if (!isNotFound(error)) throw error;
        return false;
      }
    });
  if ((await send()) || ids.length === 0) return;
  const reopened = await link.call(doing, () => reopenSession(link.client, session, { cancelled: false }));
  if (reopened === 'reopened' || reopened === 'open') await send();
}

/**
 * Acknowledges in the background, so that the next announcement does not wait for it. Ids that are added while a signal
 * is being sent go into the next signal together. After a lost acknowledgement the announcement just comes again.
 */
export class Acknowledger {
  readonly #link: Link;
  readonly #send: (ids: readonly string[]) => Promise<void>;
  readonly #ended: AbortSignal;
  #waiting: string[] = [];
  #sending: Promise<void> | undefined;

  /** @param ended aborted at the end of the iteration, after which nothing is retried */
  constructor(link: Link, session: string, receiver: string, ended: AbortSignal) {
    this.#link = link;
    this.#send = (ids) => sendAcknowledgement(link, session, receiver, ids);
    this.#ended = ended;
  }

  add(id: string): void {
    this.#waiting.push(id);
    if (this.#sending !== undefined) return;
    this.#sending = this.#drain();
    this.#link.beforeClose(this.#sending);
  }

  /** Waits until everything added has been sent, for at most a second. */
  async settled(): Promise<void> {
    await settleWithin(this.#sending);
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const ids = this.#waiting;
      this.#waiting = [];
      try {
        await this.#send(ids);
      } catch {
        this.#waiting = [...ids, ...this.#waiting];
        if (!(await this.#mayRetry())) break;
      }
    }
    this.#sending = undefined;
  }

  async #mayRetry(): Promise<boolean> {
    try {
      await pause(RETRY_MS, this.#ended);
      return true;
    } catch {
      return false;
    }
  }
}
