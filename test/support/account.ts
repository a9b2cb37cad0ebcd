/** What there is to know of a fleet when a test has failed: for whoever reads the output and cannot run it again. */
import { readFile } from 'node:fs/promises';

/** Lines of a log that are shown. */
const LOG_LINES = 30;

/** The fleet's part that an account is given of. */
export interface Accountable {
  readonly server: { readonly address: string; readonly namespace: string };
  /** The file that its workers log to. */
  readonly log: string;
}

/** Those that run now. */
const running = new Set<Accountable>();

/** Has a failure from now on followed by an account of `fleet`; the function that it returns ends that. */
export function accountFor(fleet: Accountable): () => void {
  running.add(fleet);
  return () => void running.delete(fleet);
}

/** An account of each fleet that runs. */
export const accounts = (): Promise<string[]> => Promise.all([...running].map(accountOf));

/** The running workflows with what they wait for, and the end of the workers' log. Never rejects. */
async function accountOf({ server, log }: Accountable): Promise<string> {
  const [workflows, logged] = await Promise.allSettled([runningWorkflows(server), readFile(log, 'utf8')]);
  return [
    `At ${new Date().toISOString()}, on the server at ${server.address}:`,
    ...(workflows.status === 'fulfilled' ? workflows.value : [String(workflows.reason)]),
    'The end of the log of its workers:',
    ...(logged.status === 'fulfilled' ? logged.value.trimEnd().split('\n').slice(-LOG_LINES) : ['none']),
  ].join('\n');
}

async function runningWorkflows({ address, namespace }: Accountable['server']): Promise<string[]> {
  // Files without a server need not load it.
  const { Client, Connection } = await import('@temporalio/client');
  const { clientDataConverter } = await import('../../src/temporal/data-converter.ts');
  const connection = await Connection.connect({ address });
  try {
    const client = new Client({
      connection,
      namespace,
      dataConverter: clientDataConverter(undefined, namespace),
    });
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
