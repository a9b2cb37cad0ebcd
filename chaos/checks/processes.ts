/** Checks that no process of a subagent is left, by its mark and by the process table. */
import { setTimeout as delay } from 'node:timers/promises';
import { processesIn, type SeenProcess } from '../../src/demo/process-table.ts';
import { findProcesses } from '../../src/home/processes.ts';
import type { Check, Facts } from '../facts.ts';
import type { Loss } from '../report.ts';
import { processTree } from '../../src/worker/up/processes.ts';

/** Time for processes that were just asked to end. */
const SETTLE_MS = 5_000;

export const processes: Check = async (facts) => {
  const marked: Loss[] = [];
  for (const { label } of facts.subagents) {
    const { copilotSessionId } = await facts.session
      .subagent(label)
      .describe()
      .catch(() => ({ copilotSessionId: undefined }));
    if (copilotSessionId === undefined) continue;
    for (const { pid, command } of findProcesses(copilotSessionId))
      marked.push({ check: 'processes', label, what: `process ${pid} carries its mark: ${command}` });
  }
  let seen = await strangers(facts);
  for (
    const until = Date.now() + SETTLE_MS;
    seen.length > 0 && Date.now() < until;
    seen = await strangers(facts)
  )
    await delay(200);
  const left = seen.map(({ pid, command }): Loss => ({
    check: 'processes',
    what: `process ${pid} works in the folder of the run: ${command}`,
  }));
  return {
    losses: [...marked, ...left],
    rows: [
      { name: 'processes left, by their mark', expected: 0, got: marked.length, lost: marked.length },
      {
        name: 'processes left, by folder and command line',
        expected: 0,
        got: left.length,
        lost: left.length,
      },
    ],
  };
};

/** Processes in the folder that belong neither to the server nor to a worker. */
async function strangers({ folder, workers, server }: Facts): Promise<SeenProcess[]> {
  const ours = new Set(
    [
      ...workers.flatMap(({ family }) => family),
      ...(server.pid === undefined ? [] : processTree(server.pid)),
    ].map(({ pid }) => pid),
  );
  return (await processesIn(folder)).filter(({ pid }) => !ours.has(pid));
}
