import { DEFAULT_RECEIVER, type Announcement } from '../contract/index.ts';
import type { Subagents } from '../client/index.ts';

/** Number of announcements remembered: more than a session keeps unacknowledged. */
const REMEMBERED = 20_000;

/**
 * Records which announcements were delivered to a main agent. The next call shows that an answer has arrived, so its
 * announcements are acknowledged then; after the loss of an answer or of the process, they come again.
 * Announcements of another session (from a `wait` on one of its subagents) are remembered but not acknowledged, because
 * that session has its own main agent.
 */
export class AnnouncementInbox {
  readonly receiver: string;
  readonly #session: string;
  readonly #delivered = new Set<string>();
  readonly #pushing = new Map<string, Announcement>();
  #unacknowledged: Announcement[] = [];

  constructor(session: string, receiver: string = DEFAULT_RECEIVER) {
    this.#session = session;
    this.receiver = receiver;
  }

  /** Whether the announcement was delivered already, in an answer or by a push. */
  isDelivered(announcement: Announcement): boolean {
    return this.#delivered.has(announcementKey(announcement));
  }

  /**
   * Announcements that are being pushed to the main agent. They arrive after the running call, and are left out of
   * answers.
   */
  get beingPushed(): readonly Announcement[] {
    return [...this.#pushing.values()];
  }

  /** Whether the announcement is being pushed. */
  isBeingPushed(announcement: Announcement): boolean {
    return this.#pushing.has(announcementKey(announcement));
  }

  /** Marks announcements as being pushed, until `endPush` is called for them. */
  startPush(announcements: readonly Announcement[]): void {
    for (const each of announcements) this.#pushing.set(announcementKey(each), each);
  }

  /** Ends the push of announcements, which have arrived or will not arrive. */
  endPush(announcements: readonly Announcement[]): void {
    for (const each of announcements) this.#pushing.delete(announcementKey(each));
  }

  /** Records that an answer (or a push) contains these announcements. */
  markDelivered(announcements: readonly Announcement[]): void {
    for (const announcement of announcements) {
      if (this.isDelivered(announcement)) continue;
      this.#delivered.add(announcementKey(announcement));
      if (announcement.session === this.#session) this.#unacknowledged.push(announcement);
    }
    for (const key of this.#delivered) {
      if (this.#delivered.size <= REMEMBERED) break;
      this.#delivered.delete(key);
    }
  }

  /** Records that the answer with these announcements did not arrive, so that they are delivered again. */
  unmarkDelivered(announcements: readonly Announcement[]): void {
    const keys = new Set(announcements.map(announcementKey));
    for (const key of keys) this.#delivered.delete(key);
    this.#unacknowledged = this.#unacknowledged.filter((each) => !keys.has(announcementKey(each)));
  }

  /**
   * Unacknowledged announcements of the session that were not delivered and are not being pushed, oldest first.
   * @throws SubagentsError as `SessionHandle.peek`
   */
  async undelivered(subagents: Subagents): Promise<Announcement[]> {
    const waiting = await subagents.session(this.#session).peek({ receiver: this.receiver });
    return waiting.filter((each) => !this.isDelivered(each) && !this.isBeingPushed(each));
  }

  /**
   * Acknowledges the announcements of earlier answers.
   * @returns their number
   * @throws SubagentsError as `SessionHandle.acknowledge`; the next call tries again
   */
  async acknowledge(subagents: Subagents): Promise<number> {
    const batch = this.#unacknowledged;
    this.#unacknowledged = [];
    try {
      const ids = batch.map(({ id }) => id);
      await subagents.session(this.#session).acknowledge(ids, { receiver: this.receiver });
      return batch.length;
    } catch (error) {
      this.#unacknowledged = [...batch, ...this.#unacknowledged];
      throw error;
    }
  }
}

/**
 * A unique key of an announcement. Ids start anew with each session of the same name, so the key includes the
 * subagent's run.
 */
export const announcementKey = ({ session, id, runId }: Announcement): string => `${session} ${id} ${runId}`;
