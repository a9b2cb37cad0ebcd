/** Approvals: what a request decides, and that it never decides anything else. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  approval,
  approvalReceipt,
  decidedApproval,
  MAX_LISTED_APPROVALS,
  resolvedSpec,
  type Approval,
  type ApprovalDecision,
  type ApprovalRequest,
} from '../../src/contract/index.ts';
import {
  decideApprovals,
  decisionsFor,
  listedApprovals,
  NO_APPROVALS,
  openApprovals,
  receiptOf,
  resolveApproval,
  verdictOf,
  type Approvals,
} from '../../workflows/subagent/approvals.ts';
import { SubagentMachine } from '../../workflows/subagent/machine.ts';
import { turnInput } from '../../workflows/subagent/turn.ts';

const AT = '2026-01-01T00:00:00.000Z';
const LATER = '2026-01-02T00:00:00.000Z';
const BY = { by: 'ada@host (terminal)', at: LATER };
const GIT = 'git, by the rule "git push *" of the repository';

const call = (
  id: string,
  what = `git push ${id}`,
  always: string | undefined = GIT,
): Omit<Approval, 'at'> => ({
  id,
  tool: 'bash',
  what,
  rule: 'git push *',
  layer: 'the repository',
  ...(always !== undefined && { always }),
});

const asked = (...calls: Omit<Approval, 'at'>[]): Approvals => openApprovals(NO_APPROVALS, calls, AT);

/** Decides as the workflow does. Gives the refusal instead, where there is one. */
function decide(before: Approvals, request: ApprovalRequest) {
  const resolved = resolveApproval(before, request);
  if ('refused' in resolved) return resolved;
  const { approval: one, repeated } = resolved;
  const after = repeated ? before : decideApprovals(before, verdictOf(before, one, request, BY));
  return { after, receipt: approvalReceipt.parse(receiptOf(after, one, repeated)) };
}

function accepted(before: Approvals, request: ApprovalRequest) {
  const result = decide(before, request);
  if ('refused' in result) throw new Error(`refused: ${JSON.stringify(result.refused)}`);
  return result;
}

const refusal = (before: Approvals, request: ApprovalRequest) => {
  const result = decide(before, request);
  return 'refused' in result ? result.refused : undefined;
};

describe('an approval', () => {
  it('that is the only one needs no name, and is decided with who, when and why', () => {
    const { after, receipt } = accepted(asked(call('a1')), {
      decision: 'approve',
      why: 'reviewed',
    });
    expect(receipt).toEqual({
      approvalId: 'a1',
      tool: 'bash',
      what: 'git push a1',
      decision: 'approved',
      also: [],
      repeated: false,
      open: [],
    });
    expect(listedApprovals(after)).toEqual([
      {
        ...{ ...call('a1'), at: AT },
        ...{ decision: 'approved', by: 'ada@host (terminal)', why: 'reviewed', decidedAt: LATER },
      },
    ]);
    expect(decisionsFor(after)).toEqual([{ id: 'a1', what: 'git push a1', approved: true }]);
    expect(after.kinds).toEqual([]);
  });

  it('of several must be named, with all of them in the error, also when one is left', () => {
    const before = asked(call('a1'), call('a2'));
    expect(refusal(before, { decision: 'approve' })).toEqual({
      code: 'WHICH_APPROVAL',
      message:
        '2 approvals are open, and the decision does not name one: a1: bash "git push a1"; a2: bash "git push a2"',
      remedy: 'name the approval by its id (-a <id>)',
    });
    const { after } = accepted(before, { decision: 'approve', approvalId: 'a1' });
    expect(refusal(after, { decision: 'approve' })).toMatchObject({
      code: 'WHICH_APPROVAL',
      message: 'one of several approvals is open, and the decision does not name one: a2: bash "git push a2"',
    });
  });

  it('that nobody asked for is an error that lists the open ones', () => {
    expect(refusal(asked(call('a1')), { decision: 'approve', approvalId: 'b9' })).toEqual({
      code: 'WHICH_APPROVAL',
      message: 'there is no approval b9; the open approvals are a1: bash "git push a1"',
    });
    expect(refusal(NO_APPROVALS, { decision: 'reject', approvalId: 'b9' })).toEqual({
      code: 'UNKNOWN_TARGET',
      message: 'there is no approval b9; no approval is open',
    });
    expect(refusal(NO_APPROVALS, { decision: 'reject' })).toEqual({
      code: 'UNKNOWN_TARGET',
      message: 'no approval is open',
    });
  });

  it('that is decided takes the same decision again, and no other', () => {
    const { after } = accepted(asked(call('a1')), { decision: 'reject', requestId: 'r-1' });
    expect(accepted(after, { decision: 'reject', approvalId: 'a1' })).toMatchObject({
      after,
      receipt: { decision: 'rejected', repeated: true },
    });
    expect(accepted(after, { decision: 'approve', requestId: 'r-1' }).receipt.decision).toBe('rejected');
    expect(refusal(after, { decision: 'approve', approvalId: 'a1' })).toEqual({
      code: 'ALREADY_DECIDED',
      message: `the approval a1 is no longer open: rejected by ada@host (terminal) at ${LATER}`,
      remedy: 'to change its course, steer the subagent',
    });
  });

  it('for always covers its kind: open ones at once, later ones by what the turn is told, others never', () => {
    const machine = new SubagentMachine(spec, 0);
    const kinds = () => turnInput(machine.state).approvedKinds;
    expect(kinds()).toBeUndefined();
    const calls = [call('a1'), call('a2'), call('a3', 'npm publish', 'npm'), call('a4', 'x && y')];
    delete (calls[3] as { always?: string }).always;
    machine.dispatch({ type: 'approvals-asked', approvals: calls, at: AT });
    const { approvals } = machine.state;
    const request: ApprovalRequest = { decision: 'approve', approvalId: 'a1', always: true };
    const { receipt } = accepted(approvals, request);
    expect(receipt).toMatchObject({ decision: 'approved-always', always: GIT, also: ['a2'] });
    expect(receipt.open.map(({ id }) => id)).toEqual(['a3', 'a4']);
    const [first] = approvals.open;
    if (first === undefined) throw new Error('nothing is open');
    machine.dispatch({ type: 'approvals-decided', verdict: verdictOf(approvals, first, request, BY) });
    expect(kinds()).toEqual([GIT]);
    expect(refusal(machine.state.approvals, { decision: 'approve', approvalId: 'a4', always: true })).toEqual(
      {
        code: 'BAD_INPUT',
        message: 'a4 is a call of no kind that can be approved for always: "x && y"',
        remedy: 'approve this call alone, without --always',
      },
    );
    expect(refusal(approvals, { decision: 'reject', approvalId: 'a1', always: true })?.code).toBe(
      'BAD_INPUT',
    );
  });

  it.each<[ApprovalDecision, string]>([
    ['rejected', 'This call needed an approval, and was rejected: Not today.'],
    ['expired', 'This call needed an approval. Nobody decided in time, so it counts as rejected.'],
  ])('that is %s tells the subagent so', (decision, first) => {
    const after = decideApprovals(asked(call('a1')), { ids: ['a1'], decision, at: LATER, why: 'Not today.' });
    const [told] = decisionsFor(after);
    expect(told?.approved).toBe(false);
    expect(told?.text?.split('\n')[0]).toBe(first);
  });

  it('is in the list of the newest hundred, and the others are counted', () => {
    let state = NO_APPROVALS;
    for (let i = 0; i < MAX_LISTED_APPROVALS + 3; i++) {
      state = openApprovals(state, [call(`a${i}`)], AT);
      state = accepted(state, { decision: 'approve', approvalId: `a${i}` }).after;
    }
    expect(listedApprovals(state)).toHaveLength(MAX_LISTED_APPROVALS);
    expect([state.dropped, state.decided[0]?.id]).toEqual([3, 'a3']);
  });
});

const spec = resolvedSpec.parse({
  label: 'a',
  task: 'Do it.',
  repo: '/repo',
  base: { commit: 'b'.repeat(40), name: 'HEAD' },
  isolation: 'worktree',
  hostQueue: 'a-host',
  verify: [],
});

// ---- properties ---------------------------------------------------------------

const IDS = ['a1', 'a2', 'a3', 'b1', 'b2'];
const anyRequest: fc.Arbitrary<ApprovalRequest> = fc
  .record(
    {
      decision: fc.constantFrom('approve' as const, 'reject' as const),
      approvalId: fc.constantFrom(...IDS, 'of-another-run'),
      always: fc.boolean(),
      why: fc.constantFrom('', 'because'),
      requestId: fc.constantFrom('r1', 'r2', 'r3'),
    },
    { requiredKeys: ['decision'] },
  )
  .map((request) => request as ApprovalRequest);

type Move =
  | { readonly do: 'ask'; readonly ids: readonly string[] }
  | { readonly do: 'request'; readonly request: ApprovalRequest }
  | { readonly do: 'close'; readonly decision: 'expired' | 'withdrawn' };

const anyMove: fc.Arbitrary<Move> = fc.oneof(
  fc.subarray(IDS, { minLength: 1 }).map((ids): Move => ({ do: 'ask', ids })),
  anyRequest.map((request): Move => ({ do: 'request', request })),
  anyRequest.map((request): Move => ({ do: 'request', request })),
  anyRequest.map((request): Move => ({ do: 'request', request })),
  fc.constantFrom<Move>({ do: 'close', decision: 'expired' }, { do: 'close', decision: 'withdrawn' }),
);

describe('whatever is asked and answered', () => {
  it('a request decides only what it names, once, and nothing that is decided changes', () => {
    fc.assert(
      fc.property(fc.array(anyMove, { maxLength: 40 }), (moves) => {
        const machine = new SubagentMachine(spec, 0);
        for (const move of moves) {
          const before = machine.state.approvals;
          if (move.do === 'ask') {
            // As in the workflow: a turn asks again only once everything is decided.
            if (before.open.length > 0) continue;
            const calls = move.ids.map((id) =>
              call(id, `${id} run`, id.startsWith('a') ? 'kind a' : undefined),
            );
            machine.dispatch({ type: 'approvals-asked', approvals: calls, at: AT });
          } else if (move.do === 'close') {
            const ids = before.open.map(({ id }) => id);
            machine.dispatch({
              type: 'approvals-decided',
              verdict: { ids, decision: move.decision, at: LATER },
            });
            expect(machine.state.approvals.kinds).toEqual(before.kinds);
          } else {
            const { request } = move;
            const resolved = resolveApproval(before, request);
            if ('refused' in resolved) {
              expect(resolved.refused.message).not.toBe('');
              continue;
            }
            // What it decides is what it names, or the only one that was asked for.
            if (!resolved.repeated) {
              expect(before.open).toContain(resolved.approval);
              if (request.approvalId !== undefined) expect(resolved.approval.id).toBe(request.approvalId);
              else expect([before.asked, before.open.length]).toEqual([[resolved.approval.id], 1]);
              const verdict = verdictOf(before, resolved.approval, request, BY);
              machine.dispatch({ type: 'approvals-decided', verdict });
            }
            const now = machine.state.approvals;
            const changed = before.open.filter(({ id }) => !now.open.some((each) => each.id === id));
            const others = changed.filter(({ id }) => id !== resolved.approval.id);
            expect(changed.map(({ id }) => id).includes(resolved.approval.id)).toBe(!resolved.repeated);
            // Others go with it only by an approval for always, and only of its kind.
            for (const other of others)
              expect([request.decision, request.always, other.always]).toEqual([
                'approve',
                true,
                resolved.approval.always,
              ]);
            const kinds = now.kinds.filter((kind) => !before.kinds.includes(kind));
            if (kinds.length > 0) expect([kinds, request.always]).toEqual([[resolved.approval.always], true]);
            approvalReceipt.parse(receiptOf(now, resolved.approval, resolved.repeated));
          }
          const after = machine.state.approvals;
          // The past stays as it was.
          expect(after.decided.slice(0, before.decided.length)).toEqual(before.decided);
          expect(new Set(after.decided.map(({ id }) => id)).size).toBe(after.decided.length);
          for (const each of after.open) approval.parse(each);
          for (const each of listedApprovals(after)) decidedApproval.parse(each);
          // No turn is told that a call is approved which nobody has approved.
          for (const { id, approved } of decisionsFor(after)) {
            const one = after.decided.find((each) => each.id === id);
            expect(approved).toBe(one?.decision === 'approved' || one?.decision === 'approved-always');
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
