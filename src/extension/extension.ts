/** The extension in one conversation. */
import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CopilotSession, ToolResultObject } from '@github/copilot-sdk';
import { plural, type Announcement } from '../contract/index.ts';
import { findMissingAccess } from '../copilot/runtime/missing-access.ts';
import { IS_PUSHED } from '../prompts/index.ts';
import { ownIdentity } from '../home/machine.ts';
import { resolveRepository } from '../git/repository.ts';
import { upCommand } from '../system/home-root.ts';
import {
  AnnouncementInbox,
  LazyConnection,
  TOOLS,
  type AdoptedSession,
  type ToolContext,
} from '../tools/index.ts';
import { CallTracker } from './call-tracker.ts';
import { MainAgentConversation } from './conversation.ts';
import { orphansToAdopt, sessionOf } from './orphans.ts';
import { Receiver } from './receiver.ts';
import { untilSoleReceiver } from './sole-receiver.ts';
import { startUp } from './start-up.ts';
import { callFromCopilot, type Calls } from './tools.ts';

/**
 * How long a push waits for running `wait` calls, in milliseconds. A `wait` that the announcement ends answers sooner.
 */
const WAIT_ENDS_MS = 5_000;

const NO_PAST = { usedTools: false, adopted: [] };

/** Handles tool calls, and follows sessions for the conversation that was joined. */
export class Extension implements Calls {
  readonly #node: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #session: CopilotSession;
  readonly #conversation: MainAgentConversation;
  readonly #name: string;
  readonly #connection: LazyConnection;
  readonly #inbox: AnnouncementInbox;
  readonly #busy = new CallTracker();
  /** Calls of `wait`. They may run for minutes, so pushes do not wait for their end. */
  readonly #waits = new CallTracker();
  readonly #receivers = new Map<string, Receiver>();
  #turn: Promise<void> | undefined;

  constructor(options: {
    readonly node: string;
    readonly env: NodeJS.ProcessEnv;
    /** The session of the conversation that was joined. */
    readonly session: CopilotSession;
  }) {
    const { node, env, session } = options;
    this.#node = node;
    this.#env = env;
    this.#session = session;
    this.#conversation = new MainAgentConversation(
      session,
      TOOLS.map(({ name }) => name),
    );
    this.#name = sessionOf(session.sessionId);
    this.#connection = new LazyConnection({ env, identity: ownIdentity('extension', env) });
    this.#inbox = new AnnouncementInbox(this.#name);
  }

  /** Follows the sessions that the conversation has used or adopted, and tells the human about sessions to adopt. */
  async resumePast(): Promise<void> {
    const { usedTools, adopted } = await this.#conversation.readPast().catch(() => NO_PAST);
    if (usedTools) this.#receive(this.#name);
    for (const name of adopted) this.#receive(name);
    await this.#offer().catch(() => undefined);
  }

  /** Calls a tool. @throws as `callFromCopilot` */
  async call(name: string, input: unknown, signal?: AbortSignal): Promise<ToolResultObject> {
    return await callFromCopilot(this, name, input, signal);
  }

  callStarted(waits: boolean): () => void {
    const calls = waits ? this.#waits : this.#busy;
    calls.callStarted();
    return () => {
      calls.callEnded();
      this.#receive(this.#name);
    };
  }

  answerDelivered(announcements: readonly Announcement[]): void {
    this.#receive(this.#name);
    // Announcements of a session that is not followed here are acknowledged by that session's own main agent.
    for (const [name, receiver] of this.#receivers) {
      const ofSession = announcements.filter(({ session }) => session === name);
      if (ofSession.length > 0) receiver.confirmDelivery(ofSession).catch(() => undefined);
    }
  }

  async context(): Promise<Omit<ToolContext, 'signal' | 'progress'>> {
    const connection = this.#connection;
    return {
      session: this.#name,
      ...(await this.#place()),
      connect: () => connection.get(),
      get current() {
        return connection.current;
      },
      inbox: this.#inbox,
      arrival: IS_PUSHED,
      start: (onProgress) => startUp(this.#node, onProgress),
      missingAccess: () => findMissingAccess(this.#env),
      upCommand: upCommand(undefined, this.#env),
      adopt: () => this.#adopt(),
      askHuman: (question, options) => this.#conversation.askHuman(question, options),
    };
  }

  /** The folder of the conversation, and a title of the session for people. */
  async #place(): Promise<Pick<ToolContext, 'cwd' | 'title'>> {
    const snapshot = await this.#session.rpc.metadata.snapshot().catch(() => undefined);
    const cwd = snapshot?.workingDirectory ?? process.cwd();
    const about = snapshot?.summary;
    return { cwd, title: `Copilot CLI in ${basename(cwd)}${about === undefined ? '' : `: ${about}`}` };
  }

  /** Follows a session, unless it is followed already. */
  #receive(name: string): void {
    if (this.#receivers.has(name)) return;
    const receiver = new Receiver({
      session: name,
      isAdopted: name !== this.#name,
      conversation: this.#conversation,
      connection: this.#connection,
      inbox: this.#inbox,
      quiet: () => this.#quiet(),
      turn: () => (this.#turn ??= this.#untilTurn()),
    });
    this.#receivers.set(name, receiver);
    receiver.start();
  }

  async #untilTurn(): Promise<void> {
    if (await untilSoleReceiver(this.#session.workspacePath)) this.#conversation.clearHistoryCache();
  }

  async #quiet(): Promise<void> {
    await this.#busy.quiet();
    await Promise.race([this.#waits.quiet(), delay(WAIT_ENDS_MS)]);
  }

  async #orphans(): Promise<AdoptedSession[]> {
    const states = this.#session.workspacePath;
    if (states === undefined) return [];
    const { cwd } = await this.#place();
    const repository = await resolveRepository(cwd).catch(() => undefined);
    if (repository === undefined) return [];
    const found = await orphansToAdopt(await this.#connection.get(), {
      own: this.#name,
      repository,
      states: dirname(states),
    });
    return found.filter(({ session }) => !this.#receivers.has(session));
  }

  async #adopt(): Promise<AdoptedSession[]> {
    const orphans = await this.#orphans();
    for (const { session } of orphans) this.#receive(session);
    return orphans;
  }

  /** Shows the human, but not the model, that there are sessions whose conversation is gone. */
  async #offer(): Promise<void> {
    const orphans = await this.#orphans();
    if (orphans.length === 0) return;
    const sum = (count: (each: AdoptedSession) => number) =>
      orphans.reduce((all, each) => all + count(each), 0);
    const what = `${plural(
      sum(({ waiting }) => waiting),
      'announcement',
    )} and ${plural(
      sum(({ live }) => live),
      'live subagent',
    )}`;
    await this.#conversation.showHuman(
      `Subagents of this repository without a conversation: ${what}. Ask me to adopt them; then their announcements come here.`,
    );
  }
}
