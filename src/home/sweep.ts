/** Ends every process that a subagent left, and reports what it found. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import type { SweepReport } from '../contract/outcome.ts';
import { signalProcess } from '../system/process.ts';
import { canFindProcesses, ProcessSearch, type FoundProcess } from './processes.ts';

/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 500;
/** A process that SIGKILL does not end within this (in an uninterruptible wait, or another user's) is reported as left. */
const GIVE_UP_MS = 4_000;
/** On a machine where other processes come and go all the time, no scan may see every one: then we stop looking. */
const UNSURE_MS = 1_000;
const SCAN_EVERY_MS = 20;
/** A longer time between two scans, and this process stood still in between: it could not end anything meanwhile. */
const LONGEST_STEP_MS = 250;
const MAX_COMMANDS = 10;

/** Whoever was there before: what they start when they are asked to is theirs. */
const OTHERS =
  'what other users’ daemons, or services that were there before it, started when it asked them to';
/** The same by name, where the program that asks is there. */
const ESCAPES = [
  ['docker', 'containers that were started with docker'],
  ['podman', 'containers that were started with podman'],
  ['at', 'jobs that were handed to at'],
  ['systemd-run', 'units that were started with systemd-run'],
] as const;

/**
 * Ends the processes of a Copilot session: SIGTERM, SIGKILL half a second later, until a scan that saw every process of
 * the machine finds none. Gives up after 4 s; what is still there is in the report. Where the system has no means to
 * look, nothing is done; where no scan saw every process for a second, the report says unproven too.
 */
export async function sweep(copilotSessionId: string): Promise<SweepReport> {
  const begun = Date.now();
  const seen = new Map<string, FoundProcess>();
  if (!canFindProcesses) return report({ seen, left: [], proven: false, begun });
  const search = new ProcessSearch(copilotSessionId);
  let looked = begun;
  let elapsed = 0;
  let lastFound = 0;
  for (;;) {
    const began = Date.now();
    elapsed += Math.min(Math.max(began - looked, 0), LONGEST_STEP_MS);
    looked = began;
    const left: FoundProcess[] = [];
    const missed = search.scan((process) => {
      const key = `${process.pid} ${process.startTime}`;
      if (elapsed >= GRACE_MS) signalProcess(process, 'SIGKILL');
      else if (!seen.has(key)) signalProcess(process, 'SIGTERM');
      seen.set(key, process);
      left.push(process);
    });
    if (left.length > 0) lastFound = elapsed;
    const proven = left.length > 0 || missed === 0;
    if (left.length === 0 ? proven || elapsed - lastFound > UNSURE_MS : elapsed > GIVE_UP_MS)
      return report({ seen, left, proven, begun });
    await (left.length > 0 && elapsed < GRACE_MS ? delay(SCAN_EVERY_MS) : setImmediate());
  }
}

interface Swept {
  readonly seen: ReadonlyMap<string, FoundProcess>;
  readonly left: readonly FoundProcess[];
  /** Whether what is said to be left is all that is. */
  readonly proven: boolean;
  readonly begun: number;
}

function report({ seen, left, proven, begun }: Swept): SweepReport {
  return {
    found: seen.size,
    ended: seen.size - left.length,
    left: left.map(({ pid, command }) => ({ pid, command })),
    proof: proven ? 'proven' : 'unproven',
    notChecked: notChecked(proven),
    commands: [...new Set([...seen.values()].map(({ command }) => command))]
      // One that vanished while it was looked at has no name left.
      .filter((command) => command !== '[]')
      .slice(0, MAX_COMMANDS),
    durationMs: Date.now() - begun,
  };
}

function notChecked(proven: boolean): string[] {
  if (!canFindProcesses) return ['every process: only Linux lets us find them'];
  escapes ??= ESCAPES.filter(([program]) => isOnPath(program)).map(([, words]) => words);
  return [...escapes, OTHERS, ...(proven ? [] : ['processes that ended before they could be looked at'])];
}
let escapes: string[] | undefined;

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
