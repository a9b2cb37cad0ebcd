/** What a test sees of a fleet from the outside: the plain temporal CLI, the process table, the history. */
import { readdirSync, readFileSync } from 'node:fs';
import { Client, Connection, type WorkflowExecutionInfo } from '@temporalio/client';
import { execa } from 'execa';
import type { Subagents } from '../../src/client/index.ts';
import { linuxStat } from '../../src/system/process.ts';
import { ensureTemporalBinary } from '../../src/temporal/binary.ts';
import { withoutTemporal } from '../../src/temporal/environment.ts';
import { eventually } from './eventually.ts';
import type { Fleet } from './fleet.ts';

/** Runs the plain `temporal` command against the fleet's server. @throws when it fails */
export async function temporal(fleet: Fleet, ...args: string[]): Promise<string> {
  const { path } = await ensureTemporalBinary({ onProgress: () => undefined });
  const alone = ['--disable-config-file', '--disable-config-env', '--address', fleet.server.address];
  const { stdout } = await execa(path, [...args, ...alone], {
    env: withoutTemporal(process.env),
    extendEnv: false,
  });
  return stdout;
}

/** Runs `use` with a Temporal client of its own. */
export async function withClient<T>(fleet: Fleet, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: fleet.server.address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

/** How a workflow ended, as the Web UI would show it. */
export const statusOf = (
  fleet: Fleet,
  workflowId: string,
): Promise<WorkflowExecutionInfo['status']['name']> =>
  withClient(fleet, async (client) => (await client.workflow.getHandle(workflowId).describe()).status.name);

/** Pids whose command line contains `text`. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const commandLine = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return commandLine.includes(text) && Number(entry) !== process.pid ? [Number(entry)] : [];
    } catch {
      return []; // it has ended meanwhile
    }
  });
}

/** Waits until the subagent runs a shell command. */
export const inItsShell = (subagents: Subagents, session: string, label: string): Promise<string> =>
  eventually(async () => {
    const { doing } = await subagents.session(session).subagent(label).describe();
    return doing.startsWith('bash') ? doing : undefined;
  });

/** The Copilot runtime of the fleet's worker, by its parent. */
export function copilotRuntime(fleet: Fleet): number {
  const found = processesWith('--headless').find((pid) => linuxStat(pid)?.ppid === fleet.worker.pid);
  if (found === undefined) throw new Error('the worker has no Copilot runtime');
  return found;
}
