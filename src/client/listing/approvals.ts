/** Lists the approvals that wait for a decision. */
import type { OpenApproval, SubagentRow } from '../../contract/index.ts';
import { runIdentity } from '../../contract/reports/identity.ts';
import { concurrently } from '../connection/concurrency.ts';
import type { Link } from '../connection/link.ts';
import { requireView } from '../subagents/view.ts';
import { requireWorker } from '../connection/workers.ts';
import { listFleet } from './listing.ts';

/**
 * The tool calls that wait for an approval, oldest first.
 * @param sessions only of these sessions; default: all
 * @throws SubagentsError NO_WORKER when no worker is there, TIMEOUT or INTERNAL when a workflow does not answer
 */
export async function listApprovals(link: Link, sessions?: readonly string[]): Promise<OpenApproval[]> {
  await requireWorker(link);
  const { sessions: listed } = await listFleet(link, { finished: 0, ...(sessions && { sessions }) });
  const waiting = listed.flatMap(({ live }) => live).filter(({ status }) => status === 'asking');
  const found = await concurrently(waiting, (row) => approvalsOf(link, row));
  return found.flat().sort((a, b) => a.at.localeCompare(b.at) || a.id.localeCompare(b.id));
}

/** The open approvals of one subagent; none once it has ended. */
async function approvalsOf(link: Link, row: SubagentRow): Promise<OpenApproval[]> {
  const view = await requireView(link, row);
  return (view?.approvals ?? []).map((approval) => ({ ...runIdentity(row), ...approval }));
}
