/** Takes decisions on a subagent's approvals, and waits for them. */
import { condition } from '@temporalio/workflow';
import {
  approvalRequest,
  firstProblem,
  validate,
  type Approval,
  type ApprovalReceipt,
  type ApprovalRequest,
  type CallDecision,
} from '../../src/contract/index.ts';
import { refusal } from '../shared/failure.ts';
import { decisionsFor, receiptOf, resolveApproval, verdictOf, type Resolved } from './approvals.ts';
import type { SubagentMachine } from './machine.ts';

export class ApprovalInbox {
  readonly #machine: SubagentMachine;

  constructor(machine: SubagentMachine) {
    this.#machine = machine;
  }

  /** Approvals that wait for a decision, oldest first. */
  get open(): readonly Approval[] {
    return this.#machine.state.approvals.open;
  }

  /** Opens approvals; from now on they can be decided. */
  ask(approvals: readonly Omit<Approval, 'at'>[]): void {
    if (approvals.length === 0) return;
    this.#machine.dispatch({ type: 'approvals-asked', approvals, at: now() });
  }

  /** Checks a request. Throws `ApplicationFailure`, as an Update validator must. */
  parse(request: ApprovalRequest): Resolved & { readonly request: ApprovalRequest } {
    const parsed = validate(approvalRequest, request);
    if (!parsed.success) throw refusal('BAD_INPUT', firstProblem(parsed.error));
    const resolved = resolveApproval(this.#machine.state.approvals, parsed.data);
    if ('refused' in resolved) {
      const { code, message, remedy } = resolved.refused;
      throw refusal(code, message, remedy);
    }
    return { ...resolved, request: parsed.data };
  }

  /** Decides an approval in the name of `by`. A repeated decision has no further effect. */
  decide(given: ApprovalRequest, by: string): ApprovalReceipt {
    const { approval, repeated, request } = this.parse(given);
    const machine = this.#machine;
    if (!repeated) {
      const verdict = verdictOf(machine.state.approvals, approval, request, { by, at: now() });
      machine.dispatch({ type: 'approvals-decided', verdict });
    }
    return receiptOf(machine.state.approvals, approval, repeated);
  }

  /**
   * Waits until every open approval is decided: for days, across restarts, holding only this workflow. After
   * `timeoutMs` milliseconds, if given, the open approvals expire and are returned as `late`.
   */
  async decided(
    timeoutMs?: number,
  ): Promise<{ readonly decisions: readonly CallDecision[]; readonly late: readonly Approval[] }> {
    const allDecided = (): boolean => this.open.length === 0;
    if (timeoutMs === undefined || allDecided()) await condition(allDecided);
    else await condition(allDecided, timeoutMs, { summary: 'until the approvals expire' });
    const late = this.open;
    this.#close('expired');
    return { decisions: decisionsFor(this.#machine.state.approvals), late };
  }

  /** Closes open approvals, because the subagent ends before anybody decided. */
  withdraw(): void {
    this.#close('withdrawn');
  }

  #close(decision: 'expired' | 'withdrawn'): void {
    const ids = this.open.map(({ id }) => id);
    if (ids.length === 0) return;
    this.#machine.dispatch({ type: 'approvals-decided', verdict: { ids, decision, at: now() } });
  }
}

const now = (): string => new Date().toISOString();
