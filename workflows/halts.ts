/** The steps in which a subagent does not work: it asks, waits for its model, or is reported as stuck or nearly spent. */
import { CancelledFailure, condition, patched } from '@temporalio/workflow';
import { oneLine, type Announcement, type LiveStatus } from '../src/contract/index.ts';
import type { Inbox } from './inbox.ts';
import type { Happened, Step } from './life.ts';
import type { Questions } from './questions.ts';

/** What these steps need of the subagent's workflow. */
export interface Halting {
  readonly inbox: Inbox;
  readonly questions: Questions;
  /** How long a question waits, in milliseconds; `undefined`: for ever. */
  readonly answerTimeoutMs: number | undefined;
  /** Ends the Copilot session and gives the room back, which is done when it settles. */
  pause(meanwhile: 'asking' | 'waiting'): Promise<void>;
  become(status: LiveStatus, waitingFor?: string): void;
  announce(kind: Announcement['kind'], summary: string): Promise<void>;
}

type Performing<Do extends Step['do']> = Extract<Step, { do: Do }>;

export class Halts {
  readonly #of: Halting;
  #tryAgain = false;
  /** For the turn, as soon as that runs again. */
  #nudge: string | undefined;

  constructor(of: Halting) {
    this.#of = of;
  }

  /** Told by a worker that has started, perhaps with what is waited for. */
  tryAgain(): void {
    this.#tryAgain = true;
  }

  /** The turn runs again: what is to be said to it is said. One that has ended needs no message. */
  turnRuns(): void {
    if (this.#nudge === undefined) return;
    const message = `There was ${this.#nudge}. If you wait for something that may never come, stop it and try another way; if it only takes long, go on and say so.`;
    this.#nudge = undefined;
    void this.#of.inbox.nudge(message).catch(() => undefined);
  }

  /** Asks, and waits for the answers without room. */
  async ask({ questions: asked }: Performing<'ask'>): Promise<Happened> {
    const { questions, answerTimeoutMs } = this.#of;
    questions.ask(asked);
    // Its worker may be away, and the pause wait for it: the question does not. In workflows of before it did.
    const atOnce = patched('question-before-pause');
    if (atOnce) {
      this.#of.become('asking');
      await this.#of.announce('question', inOneLine(asked));
    }
    await this.#of.pause('asking');
    if (!atOnce) await this.#of.announce('question', inOneLine(asked));
    const { answers, late } = await questions.answered(answerTimeoutMs);
    if (late.length === 0) return { type: 'answered', answers };
    const unanswered = inOneLine(late);
    await this.#of.announce('notice', `no answer came in time; it uses its own judgement: ${unanswered}`);
    const note = `not answered in time, and left to its own judgement: ${oneLine(unanswered, 300)}`;
    return { type: 'answered', answers, notes: [note] };
  }

  /** Waits for its model without room. */
  async wait(step: Performing<'wait'>): Promise<Happened> {
    this.#tryAgain = false;
    await this.#of.pause('waiting');
    const again = new Date(Date.now() + step.ms).toISOString().slice(11, 16);
    const what = WAITS_FOR[step.for];
    this.#of.become('waiting', `${what}, tries again at ${again} UTC: ${step.why}`);
    if (step.announce) await this.#of.announce('notice', `${what}: ${step.why}`);
    await condition(() => this.#tryAgain, step.ms, { summary: oneLine(`${what}: ${step.why}`, 100) });
    return { type: 'went-on' };
  }

  async reportBudget({ summary }: Performing<'report-budget'>): Promise<Happened> {
    await this.#of.announce('notice', `its budget is nearly used up: ${summary}`);
    return { type: 'went-on' };
  }

  /** Announces that it is stuck, and does about that what was asked for. */
  async reportStuck({ silentMs, doing, then }: Performing<'report-stuck'>): Promise<Happened> {
    const silence = `no sign of life for ${Math.round(silentMs / 1000)} s; was doing: ${doing}`;
    await this.#of.announce('stuck', silence + THEN[then]);
    if (then === 'nudge') this.#nudge = silence;
    // As if its main agent had done it: the same path, the same words.
    if (then === 'kill') throw new CancelledFailure('it was stuck');
    return { type: 'went-on' };
  }
}

const WAITS_FOR: Readonly<Record<Performing<'wait'>['for'], string>> = {
  credentials: 'waits for new credentials',
  limit: 'waits for a limit of its model to pass',
};

const THEN: Readonly<Record<Performing<'report-stuck'>['then'], string>> = {
  report: '',
  nudge: '; it is sent a message',
  kill: '; it is killed',
};

const inOneLine = (asked: readonly { readonly question: string }[]): string =>
  asked.map(({ question }) => question).join(' / ');
