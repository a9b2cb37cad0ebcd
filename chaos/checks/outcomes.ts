/** Checks that each subagent ended once, as expected, and that Temporal, git and its outcome agree. */
import { WorkflowNotFoundError } from '@temporalio/client';
import { sessionWorkflowId, subagentWorkflowId, type Outcome } from '../../src/contract/index.ts';
import { Git } from '../../src/git/git.ts';
import type { Check, Facts } from '../facts.ts';
import { expectedEnd, type ExpectedEnd, type PlannedSubagent } from '../plan.ts';
import type { Loss, Row } from '../report.ts';

/** The status of the workflow, by the end of its subagent. */
const CLOSED: Readonly<Record<ExpectedEnd, string>> = {
  done: 'COMPLETED',
  failed: 'FAILED',
  killed: 'CANCELLED',
};
const RESULT_TIMEOUT_MS = 20_000;

export const outcomes: Check = async (facts) => {
  const losses: Loss[] = facts.agent.refused.map(({ label, reason }) => ({
    check: 'outcomes',
    label,
    what: `refused: ${reason}`,
  }));
  const unanswered = [...facts.agent.unanswered];
  losses.push(...unanswered.map((what): Loss => ({ check: 'outcomes', what: `never answered: ${what}` })));
  const counts = new Map<string, { expected: number; got: number }>();
  for (const subagent of facts.subagents) {
    const expected = expectedEnd(subagent);
    const { status, losses: found } = await look(facts, subagent, expected);
    losses.push(...found);
    const count = counts.get(expected) ?? { expected: 0, got: 0 };
    counts.set(expected, { expected: count.expected + 1, got: count.got + Number(status === expected) });
  }
  const strays = await strayRuns(facts);
  losses.push(...strays);
  const rows: Row[] = [...counts].map(([status, { expected, got }]) => ({
    name: `outcomes: ${status}`,
    expected,
    got,
    lost: expected - got,
  }));
  rows.push({ name: 'calls never answered', expected: 0, got: unanswered.length, lost: unanswered.length });
  rows.push({ name: 'workflow runs beyond one each', expected: 0, got: strays.length, lost: strays.length });
  return { rows, losses };
};

async function look(
  { session, client, repo, base }: Facts,
  { label }: PlannedSubagent,
  expected: ExpectedEnd,
): Promise<{ status: string; losses: Loss[] }> {
  const workflowId = subagentWorkflowId(session.name, label);
  const where = `workflow ${workflowId}`;
  const loss = (what: string): Loss => ({ check: 'outcomes', label, what, where });
  const closed = await client.workflow
    .getHandle(workflowId)
    .describe()
    .then(({ status }) => status.name as string)
    .catch((error: unknown) => (error instanceof WorkflowNotFoundError ? 'never started' : String(error)));
  let outcome: Outcome | undefined;
  let missing = '';
  try {
    outcome = await session.subagent(label).result({ timeoutMs: RESULT_TIMEOUT_MS });
  } catch (error) {
    missing = String(error);
  }
  if (closed !== CLOSED[expected]) {
    const said = outcome === undefined ? missing : `it is ${outcome.status}, ${outcome.summary}`;
    return {
      status: closed,
      losses: [loss(`its workflow is ${closed}, and should be ${CLOSED[expected]}: ${said}`)],
    };
  }
  if (outcome === undefined) return { status: 'no outcome', losses: [loss(`it has no outcome: ${missing}`)] };
  const { status, evidence, sweep } = outcome;
  const losses: Loss[] = [];
  if (status !== expected)
    losses.push(loss(`it is ${status}, and should be ${expected}: ${outcome.summary}`));
  if (sweep !== undefined && sweep.left.length > 0)
    losses.push(loss(`its outcome names processes that were left: ${JSON.stringify(sweep.left)}`));
  if (evidence?.branch != null) {
    const head = await Git.at(repo)
      .run(['rev-parse', '--verify', `refs/heads/${evidence.branch}`])
      .catch(String);
    if (head.trim() !== evidence.head)
      losses.push(loss(`its branch is at ${head.trim()}, and its outcome says ${evidence.head}`));
    if (evidence.base !== base) losses.push(loss(`it started from ${evidence.base}, and not from ${base}`));
  } else if (expected !== 'killed') losses.push(loss('its outcome has no evidence'));
  return { status, losses };
}

/** Runs in this session that were not requested. Each subagent may have one. */
async function strayRuns({ client, session, subagents }: Facts): Promise<Loss[]> {
  const known = new Map(subagents.map(({ label }) => [subagentWorkflowId(session.name, label), 0]));
  const losses: Loss[] = [];
  for await (const { workflowId, runId, status } of client.workflow.list()) {
    if (workflowId === sessionWorkflowId(session.name)) continue;
    if (!workflowId.includes(`/${session.name}/`)) continue;
    const runs = known.get(workflowId);
    if (runs === 0) known.set(workflowId, 1);
    else
      losses.push({
        check: 'outcomes',
        what: `a run nobody asked for (${status.name})`,
        where: `workflow ${workflowId} ${runId}`,
      });
  }
  return losses;
}
