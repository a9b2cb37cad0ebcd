import { sanitizedLine, SubagentsError, type Approval, type ApprovalReceipt } from '../../contract/index.ts';
import type { SubagentDescription, SubagentHandle } from '../../client/index.ts';
import {
  APPROVAL_CHOICES,
  approvalQuestion,
  LEFT_OPEN,
  NO_APPROVAL_OPEN,
  waitingCall,
} from '../../prompts/index.ts';
import { fenced } from '../fence.ts';
import { oneHandle } from '../targets.ts';
import type { ToolContext } from '../tool.ts';
import type { Action } from './action.ts';
import { forEachTarget, type TargetResult } from './each.ts';

/** Asks the human to decide on a tool call that waits for an approval. The model cannot approve by itself. */
export const approveAction: Action = async (context, { target, approval: id, requestId }) => {
  const subagents = await context.connect();
  const one = await oneHandle(context, subagents, 'approve', target);
  return await forEachTarget([one], async (handle) => {
    const description = await handle.describe();
    const approval = openApproval(description, id);
    const choice = await askHuman(context, description, approval);
    const decision = { approvalId: approval.id, requestId };
    switch (choice) {
      case APPROVAL_CHOICES.once:
        return decidedResult(await handle.approve(decision));
      case APPROVAL_CHOICES.always:
        return decidedResult(await handle.approve({ ...decision, always: true }));
      case APPROVAL_CHOICES.reject:
        return decidedResult(await handle.reject(decision));
      default:
        return { view: waitingView(description), lines: [LEFT_OPEN] };
    }
  });
};

/** Rejects a tool call that waits for an approval. */
export const rejectAction: Action = async (context, { target, approval: approvalId, message, requestId }) => {
  const subagents = await context.connect();
  return await forEachTarget([await oneHandle(context, subagents, 'reject', target)], async (handle) => {
    return decidedResult(await handle.reject({ approvalId, why: message, requestId }));
  });
};

/** Lists the tool calls of the session's subagents that wait for an approval. */
export const approvalsAction: Action = async (context, { target }) => {
  const subagents = await context.connect();
  if (target !== undefined)
    return await forEachTarget([await oneHandle(context, subagents, 'approvals', target)], approvalsOf);
  const session = subagents.session(context.session);
  const open = await session.approvals();
  if (open.length === 0) return { text: NO_APPROVAL_OPEN, structured: { subagents: [] } };
  const names = [...new Set(open.map(({ label, run }) => `${label}@${run}`))];
  return await forEachTarget(
    names.map((name) => session.subagent(name)),
    approvalsOf,
  );
};

const approvalsOf = async (handle: SubagentHandle): Promise<TargetResult> => ({
  view: waitingView(await handle.describe()),
});

/** The open approval that is meant. @throws SubagentsError WHICH_APPROVAL, UNKNOWN_TARGET */
function openApproval({ label, run, approvals }: SubagentDescription, id: string | undefined): Approval {
  const [first, ...others] = approvals;
  if (first === undefined)
    throw new SubagentsError('UNKNOWN_TARGET', `${label}@${run} waits for no approval`);
  const found = id === undefined && others.length === 0 ? first : approvals.find((each) => each.id === id);
  if (found !== undefined) return found;
  const ids = approvals.map((each) => sanitizedLine(each.id, 100)).join(', ');
  throw new SubagentsError('WHICH_APPROVAL', `${label}@${run} waits for the approvals ${ids}`, {
    remedy: 'name one of them as `approval`; action "approvals" shows the calls',
  });
}

/** @throws SubagentsError NEEDS_HUMAN when no human can be asked here */
async function askHuman(
  context: ToolContext,
  { session, label, run }: SubagentDescription,
  approval: Approval,
): Promise<string | null> {
  const options = [
    APPROVAL_CHOICES.once,
    ...(approval.always === undefined ? [] : [APPROVAL_CHOICES.always]),
    APPROVAL_CHOICES.reject,
    APPROVAL_CHOICES.later,
  ];
  const choice = await context.askHuman(approvalQuestion(`${label}@${run}`, approval), options);
  if (choice !== undefined) return choice;
  throw new SubagentsError('NEEDS_HUMAN', 'only the human can approve, and cannot be asked from here', {
    remedy: `ask the human to run in a terminal: subagents --session ${session} approve ${label}@${run} -a ${sanitizedLine(approval.id, 100)}`,
  });
}

function decidedResult({
  approvalId,
  decision,
  also,
  open,
  tool,
  what,
  repeated,
}: ApprovalReceipt): TargetResult {
  return {
    view: {
      decided: { approvalId: sanitizedLine(approvalId, 100), decision, also },
      ...(repeated && { repeated }),
      approvals: open.map(({ id }) => sanitizedLine(id, 100)),
      words: [
        fenced('the decided call', 'the subagent', `${tool}: ${what}`, 1_000),
        ...waitingWords(open),
      ].join('\n'),
    },
  };
}

function waitingView({ status, approvals }: SubagentDescription): TargetResult['view'] {
  return {
    status,
    approvals: approvals.map(({ id }) => sanitizedLine(id, 100)),
    ...(approvals.length > 0 && { words: waitingWords(approvals).join('\n') }),
  };
}

/** The calls that wait for an approval, fenced. */
export const waitingWords = (open: readonly Approval[]): string[] =>
  open.map((each) =>
    fenced(`approval ${sanitizedLine(each.id, 100)}`, 'the subagent', waitingCall(each), 1_500),
  );
