/** Shared by all requests that start something: validates them, answers each once, and follows what was started. */
import type { z } from 'zod';
import { validate, firstProblem, type SessionEntry, type SpawnAnswer } from '../../src/contract/index.ts';
import { refusal } from '../shared/failure.ts';
import { liveRun, recordRequest, type SessionState } from './session-state.ts';

/** The answer that refuses a start. */
export type Refused = Extract<SpawnAnswer, { status: 'refused' }>;

/** The starts of one session. Requests of spawns and of chains share it. */
export class Starts {
  /** Set when the session is ending: requests are refused from then on. */
  closed = false;
  /** Awaited before anything is started: until it settles, the session does not know which labels are taken. */
  ready: Promise<void> | undefined;
  readonly #session: string;
  readonly #state: SessionState;
  readonly #on: { watch(child: SessionEntry): void; changed(): void };
  readonly #pending = new Map<
    string,
    { readonly digest: string | undefined; readonly answers: Promise<SpawnAnswer[]> }
  >();
  /** Starts that are being admitted, by label. */
  readonly #admitting = new Map<
    string,
    { readonly fingerprint: string | undefined; readonly answer: Promise<SpawnAnswer> }
  >();

  constructor(
    session: string,
    state: SessionState,
    on: { watch(child: SessionEntry): void; changed(): void },
  ) {
    this.#session = session;
    this.#state = state;
    this.#on = on;
  }

  /** The request, parsed by its schema. Throws `ApplicationFailure`, as an Update validator must. */
  parse<T>(schema: z.ZodType<T>, request: T): T {
    if (this.closed) throw refusal('ALREADY_ENDED', `session ${this.#session} is ending`);
    const parsed = validate(schema, request);
    if (parsed.success) return parsed.data;
    throw refusal('BAD_INPUT', firstProblem(parsed.error));
  }

  /**
   * The answers to a request. `start` is called once for each request id, even after continue-as-new. Throws
   * `ApplicationFailure` if the id belongs to a different request, because the new request would silently be ignored.
   */
  async answerOnce(
    { requestId, digest }: { readonly requestId: string; readonly digest?: string | undefined },
    start: () => Promise<SpawnAnswer[]>,
  ): Promise<SpawnAnswer[]> {
    const known = this.#state.requests.find(({ id }) => id === requestId) ?? this.#pending.get(requestId);
    if (known) {
      if (digest !== undefined && known.digest !== undefined && digest !== known.digest)
        throw refusal(
          'BAD_INPUT',
          `the request id ${requestId} was already used for a different request`,
          'use another id: a repeated id is only for a request with the same labels and tasks',
        );
      return known.answers;
    }
    const answers = start().then((done) => {
      recordRequest(this.#state, {
        id: requestId,
        ...(digest !== undefined && { digest }),
        answers: done,
      });
      return done;
    });
    this.#pending.set(requestId, { digest, answers });
    return answers.finally(() => this.#pending.delete(requestId));
  }

  /** The answer to an equal start (same label and fingerprint) that is live or being admitted. */
  acceptedBefore(
    label: string,
    fingerprint: string | undefined,
  ): SpawnAnswer | Promise<SpawnAnswer> | undefined {
    if (fingerprint === undefined) return undefined;
    const registerAdmission = this.#admitting.get(label);
    if (registerAdmission?.fingerprint === fingerprint)
      return registerAdmission.answer.then((answer) =>
        answer.status === 'accepted' ? { ...answer, repeated: true } : answer,
      );
    const live = liveRun(this.#state, label);
    if (live?.fingerprint !== fingerprint) return undefined;
    const { run, workflowId, runId } = live;
    return { status: 'accepted', label, run, workflowId, runId, notes: [], repeated: true };
  }

  /** Registers a start that is being admitted, so that an equal start gets the same answer until this one settles. */
  admitting(label: string, fingerprint: string | undefined, answer: Promise<SpawnAnswer>): void {
    this.#admitting.set(label, { fingerprint, answer });
    const over = (): void => void this.#admitting.delete(label);
    answer.then(over, over);
  }

  /** Records a started child as live, and has it watched if its workflow closes without having signalled its end. */
  recordStarted(entry: SessionEntry, result: Promise<unknown>): void {
    const { label, run } = entry;
    this.#state.runs[label] = run;
    this.#state.live[label] = entry;
    this.#on.changed();
    const settled = (): void => {
      if (liveRun(this.#state, label)?.run === run) this.#on.watch(entry);
    };
    void result.then(settled, settled);
  }
}

/** The answer that refuses a start. */
export function refused(label: string, code: string, reason: string, remedy?: string): Refused {
  return { status: 'refused', label, code, reason, ...(remedy !== undefined && { remedy }) };
}
