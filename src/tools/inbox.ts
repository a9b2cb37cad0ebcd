import { DEFAULT_RECEIVER, type Announcement } from '../contract/index.ts';
import type { Subagents } from '../client/index.ts';

/** Ids remembered: more than a session keeps unacknowledged. */
const REMEMBERED_IDS = 20_000;

/**
 * What a main agent was told by the answers of its calls. An answer has arrived when the next call comes, so that is when it is
 * acknowledged: where an answer or the whole process was lost, the announcement comes again.
 */
export class Inbox {
  readonly receiver: string;
  readonly #session: string;
  readonly #told = new Set<string>();
  #unacknowledged: string[] = [];

  constructor(session: string, receiver: string = DEFAULT_RECEIVER) {
    this.#session = session;
    this.receiver = receiver;
  }

  /** Whether an answer had it already. */
  knows({ id }: Announcement): boolean {
    return this.#told.has(id);
  }

  /** An answer with these is on its way. */
  tell(announcements: readonly Announcement[]): void {
    for (const { id } of announcements) {
      if (this.#told.has(id)) continue;
      this.#told.add(id);
      this.#unacknowledged.push(id);
    }
    for (const id of this.#told) {
      if (this.#told.size <= REMEMBERED_IDS) break;
      this.#told.delete(id);
    }
  }

  /** What the session has to tell and no answer had yet, oldest first. @throws SubagentsError as `SessionHandle.peek` */
  async unread(subagents: Subagents): Promise<Announcement[]> {
    const waiting = await subagents.session(this.#session).peek({ receiver: this.receiver });
    return waiting.filter((announcement) => !this.knows(announcement));
  }

  /** Acknowledges what was told. @returns how many @throws SubagentsError as `SessionHandle.acknowledge`; it is tried again next time */
  async acknowledge(subagents: Subagents): Promise<number> {
    const ids = this.#unacknowledged;
    this.#unacknowledged = [];
    try {
      await subagents.session(this.#session).acknowledge(ids, { receiver: this.receiver });
      return ids.length;
    } catch (error) {
      this.#unacknowledged = [...ids, ...this.#unacknowledged];
      throw error;
    }
  }
}
