/** Which tool calls of a live turn have ended, from the moment the runtime asks its hooks about their results. */
import { isDeepStrictEqual } from 'node:util';
import type { Redactor } from '../../environment/redact.ts';
import type { UnsavedToolResults } from '../log/unsaved-tool-results.ts';
import type { OpenTool } from './turn-state.ts';

/** What a hook is told of a call: not its id. */
interface HookInput {
  /** Of a sub-agent's call: the sub-agent's. */
  readonly sessionId: string;
  readonly toolName: string;
  readonly toolArgs: unknown;
}

interface Turn {
  readonly copilotSessionId: string;
  readonly kept: UnsavedToolResults;
  readonly redactor: Redactor;
  /** Whether hooks of the repository's may change results after us: then they are not kept, only that there was one. */
  readonly trustRepo: boolean;
}

export class LiveCalls {
  readonly #turn: Turn;
  /** Those that have ended, and whose result the log may not have. */
  readonly #ended = new Map<string, OpenTool>();
  readonly #completed: string[] = [];

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  /** A call has ended, one of `open`: its result is kept before the model has it. */
  ended(
    { sessionId, toolName, toolArgs }: HookInput,
    result: string,
    open: ReadonlyMap<string, OpenTool>,
  ): void {
    const { copilotSessionId, redactor, kept, trustRepo } = this.#turn;
    if (sessionId !== copilotSessionId) return;
    const args: unknown = redactor.deep(toolArgs);
    const calls = [...open].filter(([id, { name }]) => name === toolName && !this.#ended.has(id));
    const [found] = calls.filter(([, tool]) => isDeepStrictEqual(tool.arguments, args));
    // A hook may have changed the arguments.
    const [id, tool] = found ?? (calls.length === 1 ? calls[0] : undefined) ?? [];
    if (id === undefined || tool === undefined) return;
    this.#ended.set(id, tool);
    kept.keep(id, trustRepo ? null : result);
  }

  /** The conversation has the result of a call. Where that was taken for its twin's, the twin still runs. */
  completed(toolCallId: string, tool: OpenTool | undefined): void {
    const isTwin = ([, { name, arguments: args }]: [string, OpenTool]): boolean =>
      name === tool?.name && isDeepStrictEqual(args, tool.arguments);
    const id = this.#ended.has(toolCallId) ? toolCallId : [...this.#ended].find(isTwin)?.[0];
    if (id === undefined) return;
    this.#ended.delete(id);
    if (id === toolCallId) this.#completed.push(id);
    else this.#turn.kept.drop([id]);
  }

  /** Those of which a save that begins now makes the log have the result. */
  toBeSaved(): string[] {
    return this.#completed.splice(0);
  }

  saved(toolCallIds: readonly string[]): void {
    this.#turn.kept.drop(toolCallIds);
  }
}
