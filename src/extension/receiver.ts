/** Brings what a session announces into the conversation, each thing once. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Announcement } from '../contract/index.ts';
import { announced, newsLine, type AnnouncementInbox, type LazyConnection } from '../tools/index.ts';
import type { MainAgentConversation } from './conversation.ts';
import { keyOf } from './marks.ts';

/** What comes within this time comes together. */
const GATHER_MS = 50;
/** Between two looks whether another server is to be followed: `down` and `up` change its port. */
const LOOK_MS = 3_000;

const INTRODUCTION =
  'News of your subagents, from the extension and not from the human. Relay it to the human in a few words, evidence first; ' +
  'answer a question that you can answer, ask the human the rest; otherwise go on with what you were doing.';

export interface ReceiverOptions {
  readonly session: string;
  /** It was another conversation's. */
  readonly isAdopted: boolean;
  readonly connection: LazyConnection;
  readonly conversation: MainAgentConversation;
  readonly inbox: AnnouncementInbox;
  /** Settles when no other Copilot CLI that has this conversation open brings it what is announced. */
  readonly turn: () => Promise<void>;
  /** Settles when no tool call runs that is about to answer: its answer may have the announcement too. */
  readonly quiet: () => Promise<void>;
}

export class Receiver {
  readonly #options: ReceiverOptions;
  #waiting: Announcement[] = [];
  #isDelivering = false;
  #isFollowing = false;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** Follows the session for as long as the process lives. Nothing is thrown: what cannot be reached now is tried again. */
  start(): void {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    void this.#follow();
  }

  /** Acknowledges what an answer had, once the conversation's history has it on disk; what it never has is brought anew. */
  async told(announcements: readonly Announcement[]): Promise<void> {
    const { connection, conversation, session, inbox } = this.#options;
    if (!(await conversation.kept(announcements.map(keyOf)))) {
      // The human gave the call up when its answer was on its way, or its end was cut off.
      inbox.untell(announcements);
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
    // Its `get` closes a connection that is no longer the right one, which ends the iteration.
    setInterval(() => void connection.get().catch(() => undefined), LOOK_MS).unref();
    for (;;) {
      try {
        const subagents = await connection.get();
        const { receiver } = inbox;
        for await (const next of subagents
          .session(session)
          .announcements({ receiver, acknowledge: 'manual' }))
          this.#add(next);
      } catch {
        // Nothing runs, or not any more.
      }
      await delay(LOOK_MS);
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
        await delay(LOOK_MS);
      }
    }
    this.#isDelivering = false;
  }

  /** @returns those of them that are for the next time: there was no room for them */
  async #deliver(batch: readonly Announcement[]): Promise<Announcement[]> {
    const { conversation, inbox } = this.#options;
    const had = new Set<Announcement>();
    for (const each of batch) if (await conversation.has(keyOf(each))) had.add(each);
    // Nothing is awaited from here until they are on their way: an answer may have them, or leaves them out.
    const news = batch.filter((each) => !had.has(each) && !inbox.knows(each));
    const left = new Set(news);
    inbox.coming(news);
    try {
      if (news.length > 0) for (const each of await this.#push(news)) left.delete(each);
    } finally {
      inbox.gone(news);
    }
    const told = batch.filter((each) => !left.has(each));
    inbox.tell(told);
    // Not waited for: what is not acknowledged comes again with the next start, and is known then.
    this.told(told).catch(() => undefined);
    return [...left];
  }

  /** Brings as many of them into the conversation as one message has room for. @returns those */
  async #push(news: readonly Announcement[]): Promise<readonly Announcement[]> {
    const { conversation, connection, session, isAdopted } = this.#options;
    const { text, announced: told } = await announced(await connection.get(), news);
    const lines = [
      INTRODUCTION,
      ...(isAdopted ? [`They are of ${session}, which was adopted: name them as ${session}/LABEL.`] : []),
      text,
    ];
    for (const each of told) await conversation.note(newsLine(each));
    await conversation.push(told.map(keyOf), lines.join('\n'));
    return told;
  }
}
