/** Which tool calls of a live turn have ended, known from the moment the runtime passes their results to its hooks. */
import { isDeepStrictEqual } from 'node:util';
import type { Redactor } from '../../environment/redact.ts';
import type { UnsavedToolResults } from '../log/unsaved-tool-results.ts';
import type { OpenTool } from './turn-state.ts';

/** The hook's input; it lacks the call's id. */
interface HookInput {
  /** For a sub-agent's call, the id of the sub-agent's session. */
  readonly sessionId: string;
  readonly toolName: string;
  readonly toolArgs: unknown;
}

interface Turn {
  readonly copilotSessionId: string;
  readonly unsavedResults: UnsavedToolResults;
  readonly redactor: Redactor;
  /**
   * Whether hooks of the repository may change results after ours; then only the fact that a result exists is stored.
   */
  readonly trustRepo: boolean;
}

/** Tracks the ended calls of one turn until the event log has their results. */
export class LiveCalls {
  readonly #turn: Turn;
  /** Calls that have ended, and whose result the log may not have yet. */
  readonly #ended = new Map<string, OpenTool>();
  readonly #completed: string[] = [];

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  /** Records that a call, one of `open`, has ended, and stores its result before the model gets it. */
  recordEnd(
    { sessionId, toolName, toolArgs }: HookInput,
    result: string,
    open: ReadonlyMap<string, OpenTool>,
  ): void {
    const { copilotSessionId, redactor, unsavedResults, trustRepo } = this.#turn;
    if (sessionId !== copilotSessionId) return;
    const args: unknown = redactor.deep(toolArgs);
    const calls = [...open].filter(([id, { name }]) => name === toolName && !this.#ended.has(id));
    const [equal] = calls.filter(([, tool]) => isDeepStrictEqual(tool.arguments, args));
    // A hook may have changed the arguments.
    const [id, tool] = equal ?? (calls.length === 1 ? calls[0] : undefined) ?? [];
    if (id === undefined || tool === undefined) return;
    this.#ended.set(id, tool);
    unsavedResults.store(id, trustRepo ? null : result);
  }

  /**
   * Records that the conversation has the result of a call. If an equal call was taken for it, that one counts as
   * running again.
   */
  recordResult(toolCallId: string, tool: OpenTool | undefined): void {
    const isTwin = ([, { name, arguments: args }]: [string, OpenTool]): boolean =>
      name === tool?.name && isDeepStrictEqual(args, tool.arguments);
    const id = this.#ended.has(toolCallId) ? toolCallId : [...this.#ended].find(isTwin)?.[0];
    if (id === undefined) return;
    this.#ended.delete(id);
    if (id === toolCallId) this.#completed.push(id);
    else this.#turn.unsavedResults.remove([id]);
  }

  /** Calls whose result will be in the log after a save that begins now. */
  callsToSave(): string[] {
    return this.#completed.splice(0);
  }

  markSaved(toolCallIds: readonly string[]): void {
    this.#turn.unsavedResults.remove(toolCallIds);
  }
}
