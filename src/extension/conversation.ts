/** The conversation that the extension has joined: which announcements it has, and pushing more into it. */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CopilotSession, SessionEvent } from '@github/copilot-sdk';
import { keysPushed, pushedLine, parseAdopted, keysDelivered } from '../prompts/index.ts';

/** The source of our pushed messages, by which a conversation's history is searched for them. */
const PUSH_SOURCE = 'system';
/**
 * A message that is still pending this long after the conversation went idle was dropped (by Esc), and is sent again.
 */
const DROPPED_MS = 3_000;
/** How often the event log is read, in milliseconds. Copilot CLI writes an event 0.1 to 0.3 s after it has shown it. */
const CHECK_INTERVAL_MS = 150;
const PERSIST_TIMEOUT_MS = 30_000;
const EVENT_LOG = 'events.jsonl';

/** The conversation of a main agent. */
export class MainAgentConversation {
  readonly #session: CopilotSession;
  readonly #tools: ReadonlySet<string>;
  #keys: Promise<Set<string>> | undefined;

  /** @param tools the names of our tools */
  constructor(session: CopilotSession, tools: readonly string[]) {
    this.#session = session;
    this.#tools = new Set(tools);
  }

  /** Whether the history contains the announcement with this key, even from before this process. */
  async has(key: string): Promise<boolean> {
    this.#keys ??= this.#readKeys();
    try {
      return (await this.#keys).has(key);
    } catch (error) {
      this.#keys = undefined;
      throw error;
    }
  }

  /** Forgets the history that was read, because another Copilot CLI may have extended it. */
  clearHistoryCache(): void {
    this.#keys = undefined;
  }

  /** Reads the keys in this process's events and in those on disk, where the events of other processes are. */
  async #readKeys(): Promise<Set<string>> {
    const events = [...(await this.#session.getEvents()), ...(await this.#eventsOnDisk())];
    return new Set(keysIn(events, this.#tools));
  }

  async #eventsOnDisk(): Promise<SessionEvent[]> {
    const folder = this.#session.workspacePath;
    if (folder === undefined) return [];
    const text = await readFile(join(folder, EVENT_LOG), 'utf8').catch(() => '');
    return text.split('\n').flatMap((line) => {
      try {
        return [JSON.parse(line) as SessionEvent];
      } catch {
        return [];
      }
    });
  }

  /** Whether one of our tools was ever called in the conversation, and which sessions it has adopted. */
  async readPast(): Promise<{ readonly usedTools: boolean; readonly adopted: readonly string[] }> {
    const answers = [...answersIn(await this.#session.getEvents(), this.#tools)];
    const adopted = answers.flatMap(({ action, content }) =>
      action === 'adopt' ? parseAdopted(content) : [],
    );
    return { usedTools: answers.length > 0, adopted: [...new Set(adopted)] };
  }

  /**
   * Puts `text` into the conversation: as a new turn if it is idle, else into the running turn after the current tool
   * or model call. Resolves when the text has arrived.
   */
  async push(keys: readonly string[], text: string): Promise<void> {
    const first = pushedLine(keys);
    const prompt = `${first}\n${text}`;
    for (;;) {
      const arrival = this.#arrival(first);
      try {
        await this.#session.send({ prompt, source: PUSH_SOURCE, mode: 'immediate' });
      } catch (error) {
        arrival.giveUp();
        throw error;
      }
      if (await arrival.arrived) break;
    }
    for (const key of keys) (await this.#keys)?.add(key);
  }

  /**
   * Asks the human to choose, in a dialog of Copilot CLI.
   * @returns the option; null if the human chose none; undefined if this Copilot CLI shows no dialogs
   */
  async askHuman(question: string, options: readonly string[]): Promise<string | null | undefined> {
    if (this.#session.capabilities.ui?.elicitation !== true) return undefined;
    return await this.#session.ui.select(question, [...options]);
  }

  /** Shows a line to the human. */
  async showHuman(line: string, level: 'info' | 'warning' = 'info'): Promise<void> {
    await this.#session.log(line, { level }).catch(() => undefined);
  }

  /**
   * Whether the history on disk contains all `keys` within half a minute, so that they survive the end of the process.
   */
  async waitUntilPersisted(keys: readonly string[]): Promise<boolean> {
    const folder = this.#session.workspacePath;
    if (folder === undefined) return true;
    const missing = new Set(keys);
    const deadline = Date.now() + PERSIST_TIMEOUT_MS;
    const log = new GrowingFile(join(folder, EVENT_LOG));
    for (;;) {
      const text = await log.read();
      for (const key of missing) if (text.includes(key)) missing.delete(key);
      if (missing.size === 0) return true;
      if (Date.now() > deadline) return false;
      await delay(CHECK_INTERVAL_MS);
    }
  }

  /** Resolves with true when a message that begins with `first` has arrived, with false when it was dropped. */
  #arrival(first: string): { readonly arrived: Promise<boolean>; giveUp(): void } {
    let giveUp = (): void => undefined;
    const arrived = new Promise<boolean>((resolve) => {
      let dropped: NodeJS.Timeout | undefined;
      const settle = (value: boolean): void => {
        clearTimeout(dropped);
        stop();
        resolve(value);
      };
      const stop = this.#session.on((event) => {
        if (event.type === 'user.message' && event.data.content.startsWith(first)) settle(true);
        if (event.type === 'assistant.turn_start') clearTimeout(dropped);
        if (event.type === 'session.idle' || event.type === 'abort') {
          clearTimeout(dropped);
          dropped = setTimeout(() => settle(false), DROPPED_MS);
        }
      });
      giveUp = () => settle(false);
    });
    return { arrived, giveUp };
  }
}

/** The keys of announcements in a history: in our pushed messages, and in answers of our tools. */
function* keysIn(events: readonly SessionEvent[], tools: ReadonlySet<string>): Generator<string> {
  for (const event of events)
    if (event.type === 'user.message' && event.data.source === PUSH_SOURCE)
      yield* keysPushed(event.data.content);
  for (const { content } of answersIn(events, tools)) yield* keysDelivered(content);
}

/**
 * The answers of our tools; without an answer, the content is empty. `action` is the action of the tool `subagents`.
 */
function* answersIn(
  events: readonly SessionEvent[],
  tools: ReadonlySet<string>,
): Generator<{ readonly action: unknown; readonly content: string }> {
  const answers = new Map<string, string>();
  for (const event of events)
    if (event.type === 'tool.execution_complete')
      answers.set(event.data.toolCallId, event.data.result?.content ?? '');
  for (const event of events) {
    if (event.type !== 'tool.execution_start' || !tools.has(event.data.toolName)) continue;
    const { action } = (event.data.arguments ?? {}) as { action?: unknown };
    yield { action, content: answers.get(event.data.toolCallId) ?? '' };
  }
}

/**
 * Reads what a growing file has gained since the last read. Keeps the end of the previous part, because a key may span
 * two.
 */
class GrowingFile {
  readonly #path: string;
  #text = '';
  #position = 0;

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<string> {
    const file = await open(this.#path).catch(() => undefined);
    if (file === undefined) return '';
    try {
      const { size } = await file.stat();
      const length = Math.max(0, size - this.#position);
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, this.#position);
      this.#position += bytesRead;
      this.#text = this.#text.slice(-1_000) + buffer.toString('utf8', 0, bytesRead);
      return this.#text;
    } finally {
      await file.close();
    }
  }
}
