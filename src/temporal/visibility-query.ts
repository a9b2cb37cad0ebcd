/** Conditions for the server's visibility store that are used in several places. */
import { CHAIN, chainWorkflowId, SUBAGENT, subagentWorkflowId } from '../contract/index.ts';

/** Condition for runs of subagents and chains, of one session or of all. */
export function runsOfSession(session?: string): string {
  const types = `WorkflowType IN ('${SUBAGENT.workflow}', '${CHAIN.workflow}')`;
  if (session === undefined) return types;
  const [subagents, chains] = [subagentWorkflowId(session, ''), chainWorkflowId(session, '')];
  return `${types} AND (WorkflowId STARTS_WITH '${subagents}' OR WorkflowId STARTS_WITH '${chains}')`;
}
