/** The permission requests of a conversation, and those among them that wait for an approval. */
import type { PermissionRequest } from '@github/copilot-sdk';
import { MAX_APPROVAL_CHARS, oneLine, type Approval } from '../../contract/index.ts';
import type { Redactor } from '../../environment/redact.ts';
import type { CopilotEvent } from '../log/events.ts';

/** A call that waits for an approval, as its permission request was judged. `what` may have secrets and any length. */
export type AskedCall = Omit<Approval, 'id' | 'at'>;

/** A call that waits for an approval. */
export type OpenApproval = Omit<Approval, 'at'>;

/** Characters of a request id that make the id of its approval: 32 random bits, short enough to type. */
const ID_CHARS = 8;

/** The id of the approval that a permission request asks for. It stays the same across restarts. */
export const approvalId = (requestId: string): string => requestId.slice(0, ID_CHARS);

/** Which calls wait for an approval, as judged when their permission was requested. */
export class AskedCalls {
  readonly #asked = new Map<string, AskedCall>();
  /** Called with the id of a call that was recorded; its permission request may be known already, or not yet. */
  onRecord: (toolCallId: string) => void = () => undefined;
  readonly #redactor: Redactor;

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
  }

  /** Records that a request waits for an approval. Returns whether it can: a request without a call cannot. */
  record({ toolCallId }: Pick<PermissionRequest, 'toolCallId'>, call: AskedCall): boolean {
    if (toolCallId === undefined) return false;
    const { what, ...rest } = this.#redactor.deep(call);
    this.#asked.set(toolCallId, { ...rest, what: oneLine(what, MAX_APPROVAL_CHARS) });
    this.onRecord(toolCallId);
    return true;
  }

  /** The judgement of the newest request of a call; undefined if that waits for nothing. */
  take(toolCallId: string): AskedCall | undefined {
    const call = this.#asked.get(toolCallId);
    this.#asked.delete(toolCallId);
    return call;
  }
}

interface Pending {
  readonly toolCallId: string | undefined;
  readonly asked: AskedCall | undefined;
}

/** The permission requests of one conversation, folded from its events. */
export class PermissionTracker {
  /** Requests without an answer, by request id. */
  readonly #pending: Map<string, Pending>;
  /** Requests that were answered. */
  readonly answered: Set<string>;

  /** Starts with the requests of `before`. */
  constructor(before?: PermissionTracker) {
    this.#pending = new Map(before && before.#pending);
    this.answered = new Set(before?.answered);
  }

  /** Ids of the requests without an answer, oldest first. */
  get pending(): readonly string[] {
    return [...this.#pending.keys()];
  }

  /** The calls that wait for an approval, oldest first. */
  get open(): readonly OpenApproval[] {
    return [...this.#pending].flatMap(([requestId, { asked }]) =>
      asked === undefined ? [] : [{ id: approvalId(requestId), ...asked }],
    );
  }

  /** The newest request of the call that has no answer. */
  requestOf(toolCallId: string): string | undefined {
    return [...this.#pending].findLast(([, each]) => each.toolCallId === toolCallId)?.[0];
  }

  /** Whether the call waits for an approval. */
  isHeld(toolCallId: string): boolean {
    return [...this.#pending.values()].some((each) => each.toolCallId === toolCallId && each.asked);
  }

  /** Whether a request of the call has no answer. */
  isPending(toolCallId: string): boolean {
    return this.requestOf(toolCallId) !== undefined;
  }

  request({
    requestId,
    permissionRequest,
  }: Extract<CopilotEvent, { type: 'permission.requested' }>['data']): void {
    this.#pending.set(requestId, { toolCallId: permissionRequest.toolCallId, asked: undefined });
  }

  /** Records that the request waits for an approval. */
  hold(requestId: string, asked: AskedCall): void {
    const pending = this.#pending.get(requestId);
    if (pending !== undefined) this.#pending.set(requestId, { ...pending, asked });
  }

  /** Records that a request was answered. */
  complete(requestId: string): void {
    this.#pending.delete(requestId);
    this.answered.add(requestId);
  }

  /** Records that a call has a result, which no request of it outlives. */
  callEnded(toolCallId: string): void {
    for (const [id, each] of this.#pending) if (each.toolCallId === toolCallId) this.#pending.delete(id);
  }

  /** Records that all calls were aborted. */
  abortCalls(): void {
    this.#pending.clear();
  }
}
