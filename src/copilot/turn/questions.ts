/** The questions of a conversation: calls of `ask_parent`, from request to answer. */
import { z } from 'zod';
import { head } from '../../contract/index.ts';
import { ASK_PARENT } from '../../prompts/index.ts';
import type { CopilotEvent } from '../log/events.ts';

/** A question that waits for its answer. */
export interface OpenQuestion {
  readonly requestId: string;
  readonly question: string;
  readonly choices?: readonly string[];
}

/** A call of `ask_parent` without a result. */
interface AskCall extends OpenQuestion {
  /** Whether the answer was given, and is on its way into the conversation. */
  readonly given: boolean;
}

const askArguments = z.object({ question: z.string(), choices: z.array(z.string()).optional() });

/** Characters of a question, and of a choice, that leave the worker. */
const MAX_QUESTION_CHARS = 4_000;
const MAX_CHOICE_CHARS = 500;
const MAX_CHOICES = 20;

/** The questions of one conversation, folded from its events. */
export class QuestionTracker {
  /** Calls by tool call id. */
  readonly #calls: Map<string, AskCall>;
  /** Requests whose answer is in the conversation. */
  readonly answered: Set<string>;
  /** Requests whose answer was given, but whose call was aborted. */
  readonly undelivered = new Set<string>();

  /** Starts with the open questions and the answered requests of `before`. */
  constructor(before?: QuestionTracker) {
    this.#calls = new Map(before && [...before.#calls].filter(([, { given }]) => !given));
    this.answered = new Set(before?.answered);
  }

  /** Questions that wait for their answers, in the order of the calls. */
  get open(): readonly OpenQuestion[] {
    return [...this.#calls.values()]
      .filter(({ given }) => !given)
      .map(({ requestId, question, choices }) => ({ requestId, question, ...(choices && { choices }) }));
  }

  /** Requests whose answer was given, but is not in the conversation yet. */
  get inFlight(): readonly string[] {
    return [...this.#calls.values()].filter(({ given }) => given).map(({ requestId }) => requestId);
  }

  /** Records a request of an external tool; returns whether it is a question. */
  request(data: Extract<CopilotEvent, { type: 'external_tool.requested' }>['data']): boolean {
    if (data.toolName !== ASK_PARENT) return false;
    // The arguments come from the model, and the runtime does not check them.
    const parsed = askArguments.safeParse(data.arguments).data;
    const question = head(parsed?.question ?? JSON.stringify(data.arguments ?? ''), MAX_QUESTION_CHARS);
    const choices = parsed?.choices?.slice(0, MAX_CHOICES).map((choice) => head(choice, MAX_CHOICE_CHARS));
    this.#calls.set(data.toolCallId, {
      requestId: data.requestId,
      question,
      given: false,
      ...(choices && { choices }),
    });
    return true;
  }

  /** Records that an answer was given. */
  markGiven(requestId: string): void {
    for (const [id, call] of this.#calls)
      if (call.requestId === requestId) this.#calls.set(id, { ...call, given: true });
  }

  /** Records that a tool call has a result; `success`: the result is an answer. */
  complete(toolCallId: string, success: boolean): void {
    const call = this.#calls.get(toolCallId);
    if (call !== undefined && success) this.answered.add(call.requestId);
    else if (call?.given) this.undelivered.add(call.requestId);
    this.#calls.delete(toolCallId);
  }

  /** Records that all calls were aborted. The runtime reports aborted calls as answered first. */
  abortCalls(): void {
    for (const { given, requestId } of this.#calls.values()) if (given) this.undelivered.add(requestId);
    this.#calls.clear();
  }

  /** Records that the undelivered answers are in the conversation, as a message. */
  markDelivered(): void {
    for (const requestId of this.undelivered) this.answered.add(requestId);
    this.undelivered.clear();
  }
}
