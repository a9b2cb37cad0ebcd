/** Steers: one inbox for signal and Update. Steers are delivered in order of arrival, each with a truthful receipt. */
import { condition, uuid4 } from '@temporalio/workflow';
import {
  validate,
  byteLength,
  firstProblem,
  MAX_WAITING_BYTES,
  plural,
  steerRequest,
  type Receipt,
  type SteerRequest,
} from '../../src/contract/index.ts';
import { isLost } from '../shared/activity-calls.ts';
import { refusal } from '../shared/failure.ts';
import { auditNow, senderOfMessage } from '../shared/sender.ts';
import type { GiveUp } from './give-up.ts';
import { shownBeginning } from './shown-message.ts';
import type { StatusPublisher } from './status-publisher.ts';
import type { SubagentMachine } from './machine.ts';
import type { SteerRecord, SubagentState } from './state.ts';
import type { WorkerCalls } from './worker-calls.ts';

/** What the inbox needs. */
export interface InboxParts {
  readonly machine: SubagentMachine;
  readonly status: StatusPublisher;
  readonly worker: WorkerCalls;
  readonly giveUp: GiveUp;
}

export class SteerInbox {
  /** Why steers are refused; undefined while they are accepted. */
  closed: string | undefined;
  #inFlight = 0;
  /** Size of these steers in bytes of JSON. */
  #inFlightBytes = 0;
  #order: Promise<unknown> = Promise.resolve();
  readonly #parts: InboxParts;

  constructor(parts: InboxParts) {
    this.#parts = parts;
  }

  /** Whether every accepted steer has its receipt. */
  get settled(): boolean {
    return this.#inFlight === 0;
  }

  /** Parses a request. Throws `ApplicationFailure`, as an Update validator must. */
  parse(request: SteerRequest): { id: string | undefined; message: string; interrupt: boolean } {
    if (this.closed !== undefined) throw refusal('ALREADY_ENDED', this.closed);
    const parsed = validate(steerRequest, request);
    if (parsed.success) {
      const { id, message, interrupt = false } = parsed.data;
      if (id === undefined || !this.#find(id)) this.#requireSpace(message);
      return { id, message, interrupt };
    }
    throw refusal('BAD_INPUT', firstProblem(parsed.error));
  }

  /** Accepts a steer and returns its receipt. A repeated id returns the receipt of the first one. */
  async accept(request: SteerRequest): Promise<Receipt> {
    const { id = `s-${uuid4().slice(0, 8)}`, message, interrupt } = this.parse(request);
    const steer = this.#find(id) ?? this.#recordSent({ id, message, ...(interrupt && { interrupt }) });
    const bytes = sizeOf(message);
    this.#inFlight++;
    this.#inFlightBytes += bytes;
    const delivery = this.#order.then(() => this.#find(id)?.receipt ?? this.#deliverOrHold(steer));
    this.#order = delivery.catch(() => undefined);
    try {
      return await delivery;
    } finally {
      this.#inFlight--;
      this.#inFlightBytes -= bytes;
    }
  }

  /** The steers as shown to others, with only the beginning of each message. */
  get shown(): SteerRecord[] {
    const { steerLog } = this.#parts.machine.state;
    return steerLog.map((steer) => ({ ...steer, message: shownBeginning(steer.message) }));
  }

  /**
   * Called when the turn runs again: delivers the steers held meanwhile, before any other steer. A steer that is not
   * delivered waits for the next turn.
   */
  deliverHeld(): void {
    if (this.#parts.machine.state.held.length === 0) return;
    this.#inFlight++;
    this.#order = this.#order
      .then(() => this.#deliverEachHeld())
      .catch(() => undefined)
      .finally(() => this.#inFlight--);
  }

  async #deliverEachHeld(): Promise<void> {
    const { machine, status } = this.#parts;
    for (const steer of machine.state.held) {
      const receipt = await this.#tryDeliver(steer);
      if (receipt === undefined) return;
      machine.dispatch({ type: 'held-steer-delivered', receipt });
      status.publish();
    }
  }

  /** Sends a message of ours into the running turn; it is dropped if the turn has ended. */
  async sendNudge(message: string): Promise<void> {
    const steer = this.#recordArrival({ id: `nudge-${uuid4().slice(0, 8)}`, message });
    const receipt = await this.#tryDeliver(steer);
    if (receipt) this.#recordReceipt(receipt);
  }

  #find(id: string): SteerRecord | undefined {
    return this.#parts.machine.state.steerLog.find((steer) => steer.id === id);
  }

  #recordSent(steer: SteerRecord): SteerRecord {
    this.#parts.machine.dispatch({ type: 'acted', entry: auditNow('steer', senderOfMessage()) });
    return this.#recordArrival(steer);
  }

  #recordArrival(steer: SteerRecord): SteerRecord {
    this.#parts.machine.dispatch({ type: 'steer-arrived', steer });
    return steer;
  }

  /**
   * All waiting steers become one prompt, which must fit into a message. Throws `ApplicationFailure` if it would not.
   */
  #requireSpace(message: string): void {
    const { held } = this.#parts.machine.state;
    const waiting = this.#inFlightBytes + sizeOf(held.map((steer) => steer.message));
    if (waiting + sizeOf(message) <= MAX_WAITING_BYTES) return;
    throw refusal(
      'LIMIT',
      `${plural(held.length + this.#inFlight, 'message')} of ${Math.ceil(waiting / 1024)} KiB already wait for the next turn; together, waiting messages may have ${MAX_WAITING_BYTES / 1024} KiB`,
      'send the message once that turn has begun, or put the material into a file and name the file',
    );
  }

  /** Delivers the steer to the running turn. Returns the receipt, or undefined if no turn took the steer. */
  async #tryDeliver(steer: SteerRecord): Promise<Receipt | undefined> {
    const { machine, worker, giveUp } = this.#parts;
    const isAttempt = (attempt: SubagentState['attempt']): boolean => machine.state.attempt === attempt;
    while (isAttempt('running')) {
      const answer = await giveUp.race(worker.deliver(steer));
      if (!isLost(answer)) return answer.kind === 'delivered' ? answer.receipt : undefined;
      if (isAttempt('lost')) await condition(() => this.closed !== undefined || !isAttempt('lost'));
    }
    return undefined;
  }

  async #deliverOrHold(steer: SteerRecord): Promise<Receipt> {
    const receipt = await this.#tryDeliver(steer);
    if (receipt) return this.#recordReceipt(receipt);
    const { machine, status } = this.#parts;
    const { id, message } = steer;
    machine.dispatch({ type: 'steer-held', steer: { id, message } });
    return this.#recordReceipt({ id, delivery: 'held', at: new Date().toISOString(), during: status.status });
  }

  #recordReceipt(receipt: Receipt): Receipt {
    this.#parts.machine.dispatch({ type: 'steer-answered', receipt });
    this.#parts.status.publish();
    return receipt;
  }
}

const sizeOf = (value: unknown): number => byteLength(JSON.stringify(value));
