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
const UNSURE_MS = 5_000;
const SCAN_EVERY_MS = 20;
/** A longer time between two scans, and this process stood still in between: it could not end anything meanwhile. */
const LONGEST_STEP_MS = 250;
const MAX_COMMANDS = 10;
/** Pids that are named where they could not be looked at. */
const MAX_PIDS = 5;

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
 * look, nothing is done; where no scan saw every process for 5 s, the report says unproven too, and which pids it missed.
 * @param running processes of the session that something else was asked to end before: they count as found
 */
export async function sweep(
  copilotSessionId: string,
  running: readonly FoundProcess[] = [],
): Promise<SweepReport> {
  const begun = Date.now();
  const seen = new Map(running.map((process) => [keyOf(process), process]));
  const asked = new Set<string>();
  if (!canFindProcesses) return report({ seen, left: [], missed: [], proven: false, begun });
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
      const key = keyOf(process);
      if (elapsed >= GRACE_MS) signalProcess(process, 'SIGKILL');
      else if (!asked.has(key)) signalProcess(process, 'SIGTERM');
      asked.add(key);
      seen.set(key, process);
      left.push(process);
    });
    if (left.length > 0) lastFound = elapsed;
    const proven = left.length > 0 || missed.length === 0;
    if (left.length === 0 ? proven || elapsed - lastFound > UNSURE_MS : elapsed > GIVE_UP_MS)
      return report({ seen, left, missed, proven, begun });
    await (left.length > 0 && elapsed < GRACE_MS ? delay(SCAN_EVERY_MS) : setImmediate());
  }
}

const keyOf = ({ pid, startTime }: FoundProcess): string => `${pid} ${startTime}`;

interface Swept {
  readonly seen: ReadonlyMap<string, FoundProcess>;
  readonly left: readonly FoundProcess[];
  /** Pids that the last scan could not look at. */
  readonly missed: readonly number[];
  /** Whether what is said to be left is all that is. */
  readonly proven: boolean;
  readonly begun: number;
}

function report({ seen, left, missed, proven, begun }: Swept): SweepReport {
  return {
    found: seen.size,
    ended: seen.size - left.length,
    left: left.map(({ pid, command }) => ({ pid, command })),
    proof: proven ? 'proven' : 'unproven',
    notChecked: notChecked(proven ? [] : missed),
    commands: [...new Set([...seen.values()].map(({ command }) => command))]
      // One that vanished while it was looked at has no name left.
      .filter((command) => command !== '[]')
      .slice(0, MAX_COMMANDS),
    durationMs: Date.now() - begun,
  };
}

function notChecked(missed: readonly number[]): string[] {
  if (!canFindProcesses) return ['every process: only Linux lets us find them'];
  escapes ??= ESCAPES.filter(([program]) => isOnPath(program)).map(([, words]) => words);
  return [...escapes, OTHERS, ...(missed.length === 0 ? [] : [missedText(missed)])];
}
let escapes: string[] | undefined;

function missedText(pids: readonly number[]): string {
  const more = pids.length > MAX_PIDS ? ` and ${pids.length - MAX_PIDS} more` : '';
  return `processes that ended before they could be looked at: ${pids.slice(0, MAX_PIDS).join(', ')}${more}`;
}

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
