/** Pushes a session's announcements into the conversation, each once. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Announcement } from '../contract/index.ts';
import { announcementsResult, type AnnouncementInbox, type LazyConnection } from '../tools/index.ts';
import { newsLine, pushedNews, historyKey } from '../prompts/index.ts';
import type { MainAgentConversation } from './conversation.ts';

/** Announcements within this time, in milliseconds, are pushed together. */
const GATHER_MS = 50;
/** How often it is checked whether the server has changed, in milliseconds: `down` and `up` change its port. */
const CHECK_INTERVAL_MS = 3_000;

/** Options of a receiver. */
export interface ReceiverOptions {
  readonly session: string;
  /** Whether the session was taken over from another conversation. */
  readonly isAdopted: boolean;
  readonly connection: LazyConnection;
  readonly conversation: MainAgentConversation;
  readonly inbox: AnnouncementInbox;
  /** Resolves when no other Copilot CLI with this conversation open pushes announcements into it. */
  readonly turn: () => Promise<void>;
  /** Resolves when no tool call is about to answer, because its answer may contain the announcement too. */
  readonly quiet: () => Promise<void>;
}

/** Follows one session for the conversation. */
export class Receiver {
  readonly #options: ReceiverOptions;
  #waiting: Announcement[] = [];
  #isDelivering = false;
  #isFollowing = false;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** Follows the session as long as the process runs. Throws nothing: after an error it tries again. */
  start(): void {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    void this.#follow();
  }

  /**
   * Acknowledges delivered announcements once the conversation's history on disk contains them; else pushes them again.
   */
  async confirmDelivery(announcements: readonly Announcement[]): Promise<void> {
    const { connection, conversation, session, inbox } = this.#options;
    if (!(await conversation.waitUntilPersisted(announcements.map(historyKey)))) {
      // The human cancelled the call while its answer was being sent, or the end of the answer was cut off.
      inbox.unmarkDelivered(announcements);
      for (const each of announcements) this.#add(each);
      return;
    }
    const subagents = await connection.get();
    const ids = announcements.map(({ id }) => id);
    await subagents.session(session).acknowledge(ids, { receiver: inbox.receiver });
  }

  async #follow(): Promise<never> {
    const { connection, session, inbox } = this.#options;
    await this.#options.turn();
    // `get` closes a connection to a former server, which ends the iteration.
    setInterval(() => void connection.get().catch(() => undefined), CHECK_INTERVAL_MS).unref();
    for (;;) {
      try {
        const subagents = await connection.get();
        const { receiver } = inbox;
        for await (const next of subagents
          .session(session)
          .announcements({ receiver, acknowledge: 'manual' }))
          this.#add(next);
      } catch {
        // No server or worker is running.
      }
      await delay(CHECK_INTERVAL_MS);
    }
  }

  #add(announcement: Announcement): void {
    this.#waiting.push(announcement);
    if (!this.#isDelivering) void this.#deliverAll();
  }

  async #deliverAll(): Promise<void> {
    this.#isDelivering = true;
    await delay(GATHER_MS);
    while (this.#waiting.length > 0) {
      await this.#options.quiet();
      const batch = [...this.#waiting];
      try {
        const left = await this.#deliver(batch);
        this.#waiting.splice(0, batch.length, ...left);
      } catch {
        await delay(CHECK_INTERVAL_MS);
      }
    }
    this.#isDelivering = false;
  }

  /** Delivers a batch. @returns the announcements that had no room, for the next delivery */
  async #deliver(batch: readonly Announcement[]): Promise<Announcement[]> {
    const { conversation, inbox } = this.#options;
    const present = new Set<Announcement>();
    for (const each of batch) if (await conversation.has(historyKey(each))) present.add(each);
    // There is no await from here to `startPush`, so that an answer either contains an announcement already or leaves it
    // out.
    const news = batch.filter((each) => !present.has(each) && !inbox.isDelivered(each));
    const left = new Set(news);
    inbox.startPush(news);
    try {
      if (news.length > 0) for (const each of await this.#push(news)) left.delete(each);
    } finally {
      inbox.endPush(news);
    }
    const delivered = batch.filter((each) => !left.has(each));
    inbox.markDelivered(delivered);
    // Not awaited: an unacknowledged announcement comes again after the next start, and the history contains it then.
    this.confirmDelivery(delivered).catch(() => undefined);
    return [...left];
  }

  /** Pushes as many announcements as one message has room for. @returns the pushed ones */
  async #push(news: readonly Announcement[]): Promise<readonly Announcement[]> {
    const { conversation, connection, session, isAdopted } = this.#options;
    const { text, announced: pushed } = await announcementsResult(await connection.get(), news);
    const adopted = isAdopted ? session : undefined;
    for (const each of pushed) await conversation.showHuman(newsLine(each));
    await conversation.push(pushed.map(historyKey), pushedNews(text, adopted));
    return pushed;
  }
}
