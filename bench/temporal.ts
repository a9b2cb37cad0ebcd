import { Client, Connection } from '@temporalio/client';
import type { Rig } from './rig.ts';

/** Runs `use` with Temporal's own client on the rig's server. */
export async function withClient<T>(rig: Rig, use: (client: Client) => Promise<T>): Promise<T> {
  const { address, namespace } = rig.subagents.target;
  const connection = await Connection.connect({ address });
  try {
    return await use(new Client({ connection, namespace }));
  } finally {
    await connection.close();
  }
}

/** Number of events in the history of a workflow's newest run. */
export const historyLength = async (client: Client, workflowId: string): Promise<number> =>
  (await client.workflow.getHandle(workflowId).describe()).historyLength;

/** Size of the history of a workflow's newest run, in bytes. */
export async function historyBytes(client: Client, workflowId: string): Promise<number> {
  const { workflowExecutionInfo: info } = await client.workflowService.describeWorkflowExecution({
    namespace: client.options.namespace,
    execution: { workflowId },
  });
  return Number(info?.historySizeBytes ?? 0);
}

const ATTRIBUTES = 'EventAttributes';

/** The type of each event in the history of a workflow's newest run, for example `activityTaskScheduled`. */
export async function eventTypes(client: Client, workflowId: string): Promise<string[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap((event) =>
    Object.entries(event)
      .filter(([key, value]) => key.endsWith(ATTRIBUTES) && value != null)
      .map(([key]) => key.slice(0, -ATTRIBUTES.length)),
  );
}
