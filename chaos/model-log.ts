/**
 * What the model server received: for each subagent its newest conversation, the calls it made, and the results it was
 * shown.
 */
import type { ModelConversation } from '../src/demo/conversation.ts';

/** A tool call that the model made. */
interface Issued {
  /** Unique in the run. */
  readonly id: string;
  /** Equal for calls with the same purpose. */
  readonly step: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What the model server received from one subagent. */
export interface Heard {
  requests: number;
  /** Messages of the newest request, without the system message. */
  messages: ModelConversation['messages'];
  readonly issued: Issued[];
  /** Ids of calls whose result was in any request. */
  readonly finished: Set<string>;
}

export class ModelLog {
  readonly #heard = new Map<string, Heard>();
  #requests = 0;
  #lastAt = Date.now();

  /** Requests of all subagents. */
  get requests(): number {
    return this.#requests;
  }

  /** Time of the newest request, in milliseconds since the epoch. */
  get lastAt(): number {
    return this.#lastAt;
  }

  of(label: string): Heard {
    const heard = this.#heard.get(label) ?? { requests: 0, messages: [], issued: [], finished: new Set() };
    this.#heard.set(label, heard);
    return heard;
  }

  /** Records a request. */
  heard(label: string, { messages }: ModelConversation): void {
    const heard = this.of(label);
    heard.requests++;
    heard.messages = messages.filter(({ role }) => role !== 'system');
    for (const { role, content } of heard.messages)
      if (role !== 'assistant')
        for (const [, id] of content.matchAll(/<finished (\S+)>/g)) heard.finished.add(id ?? '');
    this.#requests++;
    this.#lastAt = Date.now();
  }

  /** Records a call and returns its id. */
  issue(label: string, turn: number, name: string): string {
    const { issued } = this.of(label);
    const id = `${label}.${turn}.${name}.${issued.length + 1}`;
    issued.push({ id, step: `${turn}.${name}`, at: Date.now() });
    return id;
  }

  /** How often `text` occurs in the newest conversation of `label`, in messages of its user and its tools. */
  timesTold(label: string, text: string): number {
    return this.of(label)
      .messages.filter(({ role }) => role !== 'assistant')
      .reduce((sum, { content }) => sum + content.split(text).length - 1, 0);
  }
}
