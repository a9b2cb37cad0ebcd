/** Steers: one inbox for signal and Update, delivered in the order of their arrival, each with a truthful receipt. */
import { ApplicationFailure, condition, patched, uuid4 } from '@temporalio/workflow';
import {
  steerRequest,
  type DeliverResult,
  type Lost,
  type Receipt,
  type SteerRequest,
} from '../src/contract/index.ts';
import { isLost } from './activity-calls.ts';
import type { HeldSteer } from './life.ts';

export interface Steer extends HeldSteer {
  receipt?: Receipt;
  /** Whether what runs is to be stopped first. */
  interrupt?: boolean;
}

/** What the inbox needs of the subagent's workflow. */
export interface Delivery {
  /** Whether a turn runs, by the workflow's account. */
  turnRuns(): boolean;
  /** Whether it was lost and is to be taken up again. */
  turnLost(): boolean;
  /** Brings the steer into the running turn. */
  deliver(steer: Steer): Promise<DeliverResult | Lost>;
  /** Keeps it for the next turn. */
  hold(steer: HeldSteer): void;
  /** What the subagent is at now, in words. */
  during(): string;
  changed(): void;
}

/** Steers kept for the panel and the `describe` query. */
const REMEMBERED = 20;

export class Inbox {
  readonly steers: Steer[] = [];
  closed: string | undefined;
  #inFlight = 0;
  #order: Promise<unknown> = Promise.resolve();
  readonly #delivery: Delivery;

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
  }

  /** Whether every steer has its receipt. */
  get settled(): boolean {
    return this.#inFlight === 0;
  }

  /** Parses a request. Throws `ApplicationFailure`, as an Update validator must. */
  parse(request: SteerRequest): { id: string | undefined; message: string; interrupt: boolean } {
    if (this.closed !== undefined) throw ApplicationFailure.nonRetryable(this.closed, 'ALREADY_ENDED');
    const parsed = steerRequest.safeParse(request);
    if (parsed.success) {
      const { id, message, interrupt = false } = parsed.data;
      return { id, message, interrupt };
    }
    throw ApplicationFailure.nonRetryable(parsed.error.issues[0]?.message ?? 'illegal steer', 'BAD_INPUT');
  }

  /** Takes a steer and answers with its receipt; the same id again answers with the first one's. */
  async accept(request: SteerRequest): Promise<Receipt> {
    const { id = `s-${uuid4().slice(0, 8)}`, message, interrupt } = this.parse(request);
    const known = this.steers.find((steer) => steer.id === id);
    const steer: Steer = known ?? { id, message, ...(interrupt && { interrupt }) };
    if (!known) this.#remember(steer);
    this.#inFlight++;
    const turn = this.#order.then(() => steer.receipt ?? this.#deliver(steer));
    this.#order = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#inFlight--;
    }
  }

  /** A message of our own into the running turn, which is dropped where that has ended. */
  async nudge(message: string): Promise<void> {
    const steer: Steer = { id: `nudge-${uuid4().slice(0, 8)}`, message };
    this.#remember(steer);
    const receipt = await this.#bringIn(steer);
    if (receipt) this.#receive(steer, receipt);
  }

  #remember(steer: Steer): void {
    this.steers.push(steer);
    if (this.steers.length > REMEMBERED) this.steers.shift();
  }

  /** Its receipt, when it got into the running turn. */
  async #bringIn(steer: Steer): Promise<Receipt | undefined> {
    while (this.#delivery.turnRuns()) {
      const answer = await this.#delivery.deliver(steer);
      if (!isLost(answer)) return answer.kind === 'delivered' ? answer.receipt : undefined;
      if (this.#delivery.turnLost() && patched('steer-into-lost-turn'))
        await condition(() => this.closed !== undefined || !this.#delivery.turnLost());
    }
    return undefined;
  }

  async #deliver(steer: Steer): Promise<Receipt> {
    const receipt = await this.#bringIn(steer);
    if (receipt) return this.#receive(steer, receipt);
    this.#delivery.hold({ id: steer.id, message: steer.message });
    return this.#receive(steer, {
      id: steer.id,
      delivery: 'held',
      at: new Date().toISOString(),
      during: this.#delivery.during(),
    });
  }

  #receive(steer: Steer, receipt: Receipt): Receipt {
    steer.receipt = receipt;
    this.#delivery.changed();
    return receipt;
  }
}
