/** What there is to know of a fleet when a test has failed: for whoever reads the output and cannot run it again. */
import { readFile } from 'node:fs/promises';
import { Client, Connection } from '@temporalio/client';

/** Lines of a log that are shown. */
const LOG_LINES = 30;

/** The fleet's part that an account is given of. */
export interface Accountable {
  readonly server: { readonly address: string; readonly namespace: string };
  /** The file that its workers log to. */
  readonly log: string;
}

/** The running workflows with what they wait for, and the end of the workers' log. Never rejects. */
export async function accountOf({ server, log }: Accountable): Promise<string> {
  const [running, logged] = await Promise.allSettled([runningWorkflows(server), readFile(log, 'utf8')]);
  return [
    `At ${new Date().toISOString()}, on the server at ${server.address}:`,
    ...(running.status === 'fulfilled' ? running.value : [String(running.reason)]),
    'The end of the log of its workers:',
    ...(logged.status === 'fulfilled' ? logged.value.trimEnd().split('\n').slice(-LOG_LINES) : ['none']),
  ].join('\n');
}

async function runningWorkflows({ address, namespace }: Accountable['server']): Promise<string[]> {
  const connection = await Connection.connect({ address });
  try {
    const client = new Client({ connection, namespace });
    const lines: string[] = [];
    for await (const { workflowId, runId } of client.workflow.list({
      query: "ExecutionStatus = 'Running'",
    })) {
      const { raw, historyLength } = await client.workflow.getHandle(workflowId, runId).describe();
      lines.push(`${workflowId}: ${historyLength} events`);
      if (raw.pendingWorkflowTask)
        lines.push(`  its workflow task: ${JSON.stringify(raw.pendingWorkflowTask)}`);
      for (const pending of raw.pendingActivities ?? []) {
        const { scheduledTime, lastStartedTime, lastHeartbeatTime } = pending;
        const [details] = pending.heartbeatDetails?.payloads ?? [];
        const times = { scheduledTime, lastStartedTime, lastHeartbeatTime };
        lines.push(
          `  ${pending.activityType?.name}, attempt ${pending.attempt}: ${JSON.stringify(times)}`,
          ...(details?.data ? [`    told last: ${Buffer.from(details.data).toString()}`] : []),
        );
      }
    }
    return lines;
  } finally {
    await connection.close();
  }
}
