import { DEFAULT_RECEIVER, type Announcement } from '../contract/index.ts';
import type { Subagents } from '../client/index.ts';

/** Announcements remembered: more than a session keeps unacknowledged. */
const REMEMBERED = 20_000;

/**
 * What a main agent was told by the answers of its calls. An answer has arrived when the next call comes, so that is when it is
 * acknowledged: where an answer or the whole process was lost, the announcement comes again. What it was told of another session,
 * by a `wait` on one of its subagents, is remembered and left unacknowledged: that session has a main agent of its own.
 */
export class AnnouncementInbox {
  readonly receiver: string;
  readonly #session: string;
  readonly #told = new Set<string>();
  readonly #coming = new Map<string, Announcement>();
  #unacknowledged: Announcement[] = [];

  constructor(session: string, receiver: string = DEFAULT_RECEIVER) {
    this.#session = session;
    this.receiver = receiver;
  }

  /** Whether an answer had it already. */
  knows(announcement: Announcement): boolean {
    return this.#told.has(keyOf(announcement));
  }

  /** What is on its way to the main agent beside the answers: it arrives when the call that runs is over, and no answer tells it too. */
  get onItsWay(): readonly Announcement[] {
    return [...this.#coming.values()];
  }

  /** Whether it is on its way beside the answers. */
  isComing(announcement: Announcement): boolean {
    return this.#coming.has(keyOf(announcement));
  }

  /** These are on their way beside the answers, until they are `gone`. */
  coming(announcements: readonly Announcement[]): void {
    for (const each of announcements) this.#coming.set(keyOf(each), each);
  }

  /** They have arrived, or do not come. */
  gone(announcements: readonly Announcement[]): void {
    for (const each of announcements) this.#coming.delete(keyOf(each));
  }

  /** An answer with these is on its way. */
  tell(announcements: readonly Announcement[]): void {
    for (const announcement of announcements) {
      if (this.knows(announcement)) continue;
      this.#told.add(keyOf(announcement));
      if (announcement.session === this.#session) this.#unacknowledged.push(announcement);
    }
    for (const key of this.#told) {
      if (this.#told.size <= REMEMBERED) break;
      this.#told.delete(key);
    }
  }

  /** The answer with these has not arrived: they are to be told again. */
  untell(announcements: readonly Announcement[]): void {
    const keys = new Set(announcements.map(keyOf));
    for (const key of keys) this.#told.delete(key);
    this.#unacknowledged = this.#unacknowledged.filter((each) => !keys.has(keyOf(each)));
  }

  /** What the session has to tell, no answer had yet and is not on its way, oldest first. @throws SubagentsError as `SessionHandle.peek` */
  async unread(subagents: Subagents): Promise<Announcement[]> {
    const waiting = await subagents.session(this.#session).peek({ receiver: this.receiver });
    return waiting.filter((each) => !this.knows(each) && !this.isComing(each));
  }

  /** Acknowledges what was told. @returns how many @throws SubagentsError as `SessionHandle.acknowledge`; it is tried again next time */
  async acknowledge(subagents: Subagents): Promise<number> {
    const told = this.#unacknowledged;
    this.#unacknowledged = [];
    try {
      const ids = told.map(({ id }) => id);
      await subagents.session(this.#session).acknowledge(ids, { receiver: this.receiver });
      return told.length;
    } catch (error) {
      this.#unacknowledged = [...told, ...this.#unacknowledged];
      throw error;
    }
  }
}

/** An id is of one session, and begins anew with the next session of that name: with the subagent's run it is of one announcement. */
export const keyOf = ({ session, id, runId }: Announcement): string => `${session} ${id} ${runId}`;
