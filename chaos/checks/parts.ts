/**
 * Checks that no server or worker died by itself, and reports how fast workers restarted and how much memory they use.
 */
import { processStartTime, type ProcessIdentity } from '../../src/system/process.ts';
import { memoryOf } from '../../bench/processes.ts';
import { quantile } from '../../bench/figure.ts';
import type { Check } from '../facts.ts';
import type { Loss } from '../report.ts';

export const parts: Check = async ({ workers, server }) => {
  const losses = workers.flatMap(({ deaths, logFile }): Loss[] =>
    deaths.map((how) => ({
      check: 'parts',
      what: `a worker ended that nobody had struck: ${how}`,
      where: logFile,
    })),
  );
  const startTime = server.pid === undefined ? undefined : processStartTime(server.pid);
  const itsServer: ProcessIdentity[] =
    server.pid === undefined || startTime === undefined ? [] : [{ pid: server.pid, startTime }];
  const starts = workers.flatMap(({ startsMs }) => startsMs);
  const mb = (processes: readonly ProcessIdentity[]): number => Math.round(memoryOf(processes));
  return {
    losses,
    rows: [
      { name: 'workers that died by themselves', expected: 0, got: losses.length, lost: losses.length },
      { name: 'starts of a server that no longer worked', got: server.brokeDown, lost: 0 },
      { name: 'starts of workers', got: starts.length, lost: 0 },
      {
        name: 'from the start of a worker until it polls, p50',
        got: Math.round(quantile(starts, 0.5)),
        lost: 0,
        unit: 'ms',
      },
      ...workers.map(({ family }, index) => ({
        name: `memory of worker ${index + 1} and its runtime`,
        got: mb(family),
        lost: 0,
        unit: 'MB',
      })),
      ...(itsServer.length > 0
        ? [{ name: 'memory of the server', got: mb(itsServer), lost: 0, unit: 'MB' }]
        : []),
    ],
  };
};
