/**
 * Actions in which a subagent does not work: it asks, waits for its model, or is reported as stuck or nearly over
 * budget.
 */
import { CancelledFailure, condition } from '@temporalio/workflow';
import { oneLine, type Approval } from '../../src/contract/index.ts';
import { repetitionText } from './after-turn.ts';
import { repeatingNudge, silentNudge } from '../../src/prompts/index.ts';
import type { Announcer } from './announcer.ts';
import type { ApprovalInbox } from './approval-inbox.ts';
import type { SteerInbox } from './inbox.ts';
import type { Questions } from './questions.ts';
import type { WorkerSlot } from './worker-slot.ts';
import type { StatusPublisher } from './status-publisher.ts';
import type { SubagentMachine } from './machine.ts';
import type { ActionResult, NextAction } from './events.ts';
import type { WorkerCalls } from './worker-calls.ts';

/** What the pauses need. */
export interface PauseParts {
  readonly machine: SubagentMachine;
  readonly inbox: SteerInbox;
  readonly questions: Questions;
  readonly approvals: ApprovalInbox;
  readonly worker: WorkerCalls;
  readonly slot: WorkerSlot;
  readonly status: StatusPublisher;
  readonly announcer: Announcer;
}

type ActionOf<Do extends NextAction['do']> = Extract<NextAction, { do: Do }>;

export class Pauses {
  readonly #parts: PauseParts;
  #waitEnded = false;
  /** A message for the turn, sent as soon as the turn runs again. */
  #nudge: string | undefined;

  constructor(parts: PauseParts) {
    this.#parts = parts;
  }

  /** Ends a wait early. Called when a worker has started, possibly with what is waited for. */
  endWait(): void {
    this.#waitEnded = true;
  }

  /** Delivers held steers and the pending nudge, now that the turn runs again. */
  deliverPending(): void {
    this.#parts.inbox.deliverHeld();
    if (this.#nudge === undefined) return;
    const nudge = this.#nudge;
    this.#nudge = undefined;
    void this.#parts.inbox.sendNudge(nudge).catch(() => undefined);
  }

  /** Asks the questions and for the approvals, and waits for the answers without a slot. */
  async ask({ questions: asked, approvals: calls }: ActionOf<'ask'>): Promise<ActionResult> {
    const { machine, questions, approvals, status, announcer } = this.#parts;
    questions.ask(asked);
    approvals.ask(calls);
    const { answerTimeoutMs, approvalTimeoutMs } = machine.state.spec;
    // Announced before the slot is released: that may have to wait for an absent worker, and the question should not.
    status.enter('asking');
    if (asked.length > 0) await announcer.announce('question', inOneLine(asked));
    for (const call of calls) await announcer.announce('approval', approvalLine(call), { approval: call.id });
    await this.#releaseSlot('asking');
    const [{ answers, late }, { decisions, late: expired }] = await Promise.all([
      questions.answered(answerTimeoutMs),
      approvals.decided(approvalTimeoutMs),
    ]);
    if (expired.length > 0)
      await announcer.announce(
        'notice',
        `no approval came in time, so it counts as rejected: ${expired.map(approvalLine).join(' / ')}`,
      );
    if (late.length === 0) return { type: 'answered', answers, decisions };
    const unanswered = inOneLine(late);
    await announcer.announce(
      'notice',
      `no answer came in time; the subagent goes on by its own judgement: ${unanswered}`,
    );
    const note = `not answered in time, so the subagent used its own judgement: ${oneLine(unanswered, 300)}`;
    return { type: 'answered', answers, decisions, notes: [note] };
  }

  /** Waits without a slot, for example until a limit of its model has passed. */
  async wait(step: ActionOf<'wait'>): Promise<ActionResult> {
    this.#waitEnded = false;
    const { status, announcer } = this.#parts;
    await this.#releaseSlot('waiting');
    const again = new Date(Date.now() + step.ms).toISOString().slice(11, 16);
    const what = WAIT_TEXT[step.for];
    status.enter('waiting', `${what}, next attempt at ${again} UTC: ${step.why}`);
    if (step.announce) await announcer.announce('notice', `${what}: ${step.why}`);
    await condition(() => this.#waitEnded, step.ms, { summary: oneLine(`${what}: ${step.why}`, 100) });
    return { type: 'continued' };
  }

  async reportBudget({ summary }: ActionOf<'report-budget'>): Promise<ActionResult> {
    await this.#parts.announcer.announce('notice', `its budget is nearly used up: ${summary}`);
    return { type: 'continued' };
  }

  /** Announces that the subagent is stuck, then does what its spec says: reports only, nudges or kills. */
  async reportStuck({ silentMs, doing, repeats, then }: ActionOf<'report-stuck'>): Promise<ActionResult> {
    const what = repeats
      ? `${repetitionText(repeats)}, and no file changed meanwhile`
      : `no activity for ${Math.round(silentMs / 1000)} s`;
    const waits = repeats?.waits === true ? '; it seems to wait for something outside' : '';
    const stuck = `${repeats ? 'stuck, repeating: ' : ''}${what}${waits}; was doing: ${doing}`;
    await this.#parts.announcer.announce('stuck', stuck + STUCK_REACTION_TEXT[then]);
    if (then === 'nudge')
      this.#nudge = repeats ? repeatingNudge(what) : silentNudge(`${what}; was doing: ${doing}`);
    // The same path as a kill by the main agent.
    if (then === 'kill') throw new CancelledFailure('it was stuck');
    return { type: 'continued' };
  }

  /** Ends the Copilot session and releases the slot. Settles once the slot is released. */
  async #releaseSlot(meanwhile: 'asking' | 'waiting'): Promise<void> {
    await this.#parts.worker.stop('pause', meanwhile);
    await this.#parts.slot.released();
  }
}

/** Texts for what a subagent waits for. */
export const WAIT_TEXT: Readonly<Record<ActionOf<'wait'>['for'], string>> = {
  credentials: 'waits for new credentials',
  limit: 'waits for a limit of its model to pass',
  space: 'waits for disk space',
};

const STUCK_REACTION_TEXT: Readonly<Record<ActionOf<'report-stuck'>['then'], string>> = {
  report: '',
  nudge: '; the subagent gets a message',
  kill: '; the subagent is killed',
};

/** A call that waits for an approval, with why it does. */
const approvalLine = ({ tool, what, reason }: Omit<Approval, 'at'>): string =>
  `${tool}: ${what}${reason === undefined ? '' : ` (${reason})`}`;

const inOneLine = (asked: readonly { readonly question: string }[]): string =>
  asked.map(({ question }) => question).join(' / ');
