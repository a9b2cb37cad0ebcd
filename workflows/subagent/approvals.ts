/** The approvals of a subagent as pure decisions: which are open, and what a request decides. No Temporal, no clock. */
import {
  isApproved,
  MAX_LISTED_APPROVALS,
  oneLine,
  type Approval,
  type ApprovalDecision,
  type ApprovalReceipt,
  type ApprovalRequest,
  type CallDecision,
  type DecidedApproval,
  type ErrorCode,
} from '../../src/contract/index.ts';
import { expiredText, rejectedText } from '../../src/prompts/index.ts';

/** The approvals of a run. */
export interface Approvals {
  /** Those that wait for a decision, oldest first. */
  readonly open: readonly Approval[];
  /** Ids of those that were asked for together last. */
  readonly asked: readonly string[];
  /** The newest decided ones, oldest first. */
  readonly decided: readonly Decided[];
  /** How many older ones were dropped from `decided`. */
  readonly dropped: number;
  /** Kinds of calls that are approved for the rest of the run. */
  readonly kinds: readonly string[];
}

/** A decided approval, and the request that decided it. */
interface Decided extends DecidedApproval {
  readonly requestId?: string | undefined;
}

export const NO_APPROVALS: Approvals = { open: [], asked: [], decided: [], dropped: 0, kinds: [] };

/** Why a request decides nothing. */
export interface Refusal {
  readonly refused: { readonly code: ErrorCode; readonly message: string; readonly remedy?: string };
}

/** What a request decides. `repeated`: the approval has that decision already. */
export type Resolved =
  | { readonly approval: Approval; readonly repeated: false }
  | { readonly approval: Decided; readonly repeated: true };

const MAX_QUOTED_CHARS = 300;

/** Opens the approvals that a turn asks for together. An id that the run knows already is not opened again. */
export function openApprovals(
  before: Approvals,
  asked: readonly Omit<Approval, 'at'>[],
  at: string,
): Approvals {
  const known = new Set([...before.open, ...before.decided].map(({ id }) => id));
  return {
    ...before,
    asked: asked.map(({ id }) => id),
    open: [...before.open, ...asked.filter(({ id }) => !known.has(id)).map((each) => ({ ...each, at }))],
  };
}

/** Finds the approval that a request decides. Only an open approval that the request means is ever decided by it. */
export function resolveApproval(approvals: Approvals, request: ApprovalRequest): Resolved | Refusal {
  const { approvalId, requestId, decision, always } = request;
  const { open, decided } = approvals;
  if (always === true && decision === 'reject')
    return refused('BAD_INPUT', 'only an approval can be for always, not a rejection');
  const same = decided.find((each) => requestId !== undefined && each.requestId === requestId);
  if (same) return { approval: same, repeated: true };
  // If several were asked for together, a decision without an id stays ambiguous when only one is still open.
  if (approvalId === undefined && open.length > 0 && approvals.asked.length > 1)
    return refused(
      'WHICH_APPROVAL',
      `${open.length === 1 ? 'one of several approvals is' : `${open.length} approvals are`} open, and the decision does not name one: ${listed(open)}`,
      'name the approval by its id (-a <id>)',
    );
  const approval = approvalId === undefined ? open[0] : open.find(({ id }) => id === approvalId);
  if (approval !== undefined) {
    if (always !== true || approval.always !== undefined) return { approval, repeated: false };
    return refused(
      'BAD_INPUT',
      `${approval.id} is a call of no kind that can be approved for always: ${quoted(approval.what)}`,
      'approve this call alone, without --always',
    );
  }
  const before = decided.findLast(({ id }) => approvalId === undefined || id === approvalId);
  if (before !== undefined && before.decision === decisionOf(request))
    return { approval: before, repeated: true };
  if (before !== undefined)
    return refused(
      'ALREADY_DECIDED',
      `the approval ${before.id} is no longer open: ${before.decision}${before.by === undefined ? '' : ` by ${before.by}`} at ${before.decidedAt}`,
      'to change its course, steer the subagent',
    );
  const now = open.length === 0 ? 'no approval is open' : `the open approvals are ${listed(open)}`;
  return refused(
    // A message that quotes calls has its own code, by which their text is fenced.
    open.length === 0 ? 'UNKNOWN_TARGET' : 'WHICH_APPROVAL',
    approvalId === undefined ? now : `there is no approval ${oneLine(approvalId, 100)}; ${now}`,
  );
}

const decisionOf = ({ decision, always }: ApprovalRequest): ApprovalDecision =>
  decision === 'reject' ? 'rejected' : always === true ? 'approved-always' : 'approved';

/** What became of some open approvals. */
export interface Verdict {
  readonly ids: readonly string[];
  readonly decision: ApprovalDecision;
  /** ISO 8601. */
  readonly at: string;
  readonly by?: string | undefined;
  readonly why?: string | undefined;
  readonly requestId?: string | undefined;
}

/** The verdict of a request of `by` on `approval`: with `always` also on the other open approvals of its kind. */
export function verdictOf(
  { open }: Approvals,
  approval: Approval,
  { why, requestId, ...request }: ApprovalRequest,
  { by, at }: { readonly by: string; readonly at: string },
): Verdict {
  const decision = decisionOf(request);
  const others = open.filter(
    ({ id, always }) => decision === 'approved-always' && id !== approval.id && always === approval.always,
  );
  return { ids: [approval.id, ...others.map(({ id }) => id)], decision, at, by, why, requestId };
}

/** Decides open approvals. Ids that are not open are ignored. */
export function decideApprovals(before: Approvals, { ids, at, requestId, ...verdict }: Verdict): Approvals {
  const { decision, by, why } = verdict;
  const now = before.open
    .filter(({ id }) => ids.includes(id))
    .map((approval): Decided => ({
      ...approval,
      decision,
      decidedAt: at,
      ...(by !== undefined && { by }),
      ...(why !== undefined && why !== '' && { why }),
      // The request is for one approval; the others of its kind have only its decision.
      ...(requestId !== undefined && approval.id === ids[0] && { requestId }),
    }));
  const kinds = decision === 'approved-always' ? now.flatMap(({ always }) => always ?? []) : [];
  const decided = [...before.decided, ...now];
  const surplus = Math.max(0, decided.length - MAX_LISTED_APPROVALS);
  return {
    ...before,
    open: before.open.filter(({ id }) => !ids.includes(id)),
    decided: decided.slice(surplus),
    dropped: before.dropped + surplus,
    kinds: [...new Set([...before.kinds, ...kinds])],
  };
}

/** The receipt of a decision on the approval `id`, once it is decided. */
export function receiptOf(
  { open, decided }: Approvals,
  { id }: Approval,
  repeated: boolean,
): ApprovalReceipt {
  const one = decided.find((each) => each.id === id);
  if (one === undefined) throw new Error(`the approval ${id} is not decided`);
  const { tool, what, decision, always, decidedAt } = one;
  const also = decided.filter(
    (each) =>
      decision === 'approved-always' &&
      each.id !== id &&
      each.decision === decision &&
      each.decidedAt === decidedAt &&
      each.always === always,
  );
  return {
    approvalId: id,
    tool,
    what,
    decision: decision === 'expired' || decision === 'withdrawn' ? 'rejected' : decision,
    ...(decision === 'approved-always' && always !== undefined && { always }),
    also: also.map((each) => each.id),
    repeated,
    open: [...open],
  };
}

/** The decisions on the approvals that were asked for last, for the turn that continues with them. */
export function decisionsFor({ asked, decided }: Approvals): readonly CallDecision[] {
  return decided
    .filter(({ id }) => asked.includes(id))
    .map(({ id, what, decision, why }): CallDecision => {
      if (isApproved(decision)) return { id, what, approved: true };
      return { id, what, approved: false, text: decision === 'expired' ? expiredText() : rejectedText(why) };
    });
}

/** The approvals as an outcome lists them. */
export const listedApprovals = ({ decided }: Approvals): DecidedApproval[] =>
  decided.map((each) => {
    const approval = { ...each };
    delete approval.requestId;
    return approval;
  });

const refused = (code: ErrorCode, message: string, remedy?: string): Refusal => ({
  refused: { code, message, ...(remedy !== undefined && { remedy }) },
});

const quoted = (what: string): string => JSON.stringify(oneLine(what, MAX_QUOTED_CHARS));

const listed = (open: readonly Approval[]): string =>
  open.map(({ id, tool, what }) => `${id}: ${tool} ${quoted(what)}`).join('; ');
