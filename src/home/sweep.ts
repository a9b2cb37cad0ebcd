/** Ends every process that a subagent left behind, and reports what it found. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import { signalProcess } from '../system/process.ts';
import { canFindProcesses, ProcessSearch, type FoundProcess, type Unseen } from './processes.ts';
import type { SweepReport } from '../contract/reports/types.ts';

/** Milliseconds between SIGTERM and SIGKILL. */
const GRACE_MS = 500;
/**
 * Milliseconds after which a process that SIGKILL did not end (in an uninterruptible wait, or another user's) is
 * reported as left.
 */
const GIVE_UP_MS = 4_000;
/**
 * Milliseconds after which the search ends without proof: on a machine with many short-lived processes, no scan may
 * check all of them.
 */
const UNPROVEN_TIMEOUT_MS = 5_000;
const SCAN_EVERY_MS = 20;
/**
 * The most that one step between two scans counts: in a longer gap this process was suspended and could not end
 * anything.
 */
const LONGEST_STEP_MS = 250;
const MAX_COMMANDS = 10;
/** Maximum number of listed pids that could not be checked. */
const MAX_PIDS = 5;

/** A gap of every sweep: processes that other services started at a subagent's request. */
const OTHERS = 'processes that daemons of other users, or earlier services, started on its behalf';
/** Further such gaps, each reported when its program is installed. */
const ESCAPES = [
  ['docker', 'containers that were started with docker'],
  ['podman', 'containers that were started with podman'],
  ['at', 'jobs that were scheduled with at'],
  ['systemd-run', 'units that were started with systemd-run'],
] as const;

/**
 * Ends the processes of a Copilot session: SIGTERM, then SIGKILL half a second later, until a scan that checked
 * every process of the machine finds none. Gives up after 4 s and reports the processes that are left. Does nothing
 * on systems that cannot find processes. Reports `unproven`, with the unchecked pids, when processes ended
 * unchecked in every scan for 5 s, or when this user may not inspect all processes.
 * @param running processes of the session that were already asked to end in another way: they count as found
 */
export async function sweep(
  copilotSessionId: string,
  running: readonly FoundProcess[] = [],
): Promise<SweepReport> {
  const begun = Date.now();
  const seen = new Map(running.map((process) => [keyOf(process), process]));
  const asked = new Set<string>();
  if (!canFindProcesses) return report({ seen, left: [], proven: false, startedAt: begun });
  const search = new ProcessSearch(copilotSessionId);
  let looked = begun;
  let elapsed = 0;
  let lastFound = 0;
  for (;;) {
    const began = Date.now();
    elapsed += Math.min(Math.max(began - looked, 0), LONGEST_STEP_MS);
    looked = began;
    const left: FoundProcess[] = [];
    const unseen = search.scan((process) => {
      const key = keyOf(process);
      if (elapsed >= GRACE_MS) signalProcess(process, 'SIGKILL');
      else if (!asked.has(key)) signalProcess(process, 'SIGTERM');
      asked.add(key);
      seen.set(key, process);
      left.push(process);
    });
    if (left.length > 0) lastFound = elapsed;
    const settled = left.length > 0 || unseen.ended.length === 0;
    if (left.length === 0 ? settled || elapsed - lastFound > UNPROVEN_TIMEOUT_MS : elapsed > GIVE_UP_MS) {
      const proven = settled && unseen.closed.length === 0 && !unseen.hidden;
      return report({ seen, left, unseen, proven, startedAt: begun });
    }
    await (left.length > 0 && elapsed < GRACE_MS ? delay(SCAN_EVERY_MS) : setImmediate());
  }
}

const keyOf = ({ pid, startTime }: FoundProcess): string => `${pid} ${startTime}`;

interface Swept {
  readonly seen: ReadonlyMap<string, FoundProcess>;
  readonly left: readonly FoundProcess[];
  /** Processes that the last scan could not check. */
  readonly unseen?: Unseen;
  /** Whether `left` is proven to be complete. */
  readonly proven: boolean;
  readonly startedAt: number;
}

function report({ seen, left, unseen, proven, startedAt }: Swept): SweepReport {
  return {
    found: seen.size,
    ended: seen.size - left.length,
    left: left.map(({ pid, command }) => ({ pid, command })),
    proof: proven ? 'proven' : 'unproven',
    notChecked: notChecked(proven ? undefined : unseen),
    commands: [...new Set([...seen.values()].map(({ command }) => command))]
      // A process that vanished during the check has no command name.
      .filter((command) => command !== '[]')
      .slice(0, MAX_COMMANDS),
    durationMs: Date.now() - startedAt,
  };
}

function notChecked(unseen?: Unseen): string[] {
  if (!canFindProcesses) return ['every process: they can only be found on Linux'];
  escapes ??= ESCAPES.filter(([program]) => isOnPath(program)).map(([, words]) => words);
  return [...escapes, OTHERS, ...(unseen ? unseenText(unseen) : [])];
}
let escapes: string[] | undefined;

function unseenText({ ended, closed, hidden }: Unseen): string[] {
  return [
    ...(ended.length === 0 ? [] : [`processes that ended before they could be checked: ${some(ended)}`]),
    ...(closed.length === 0 ? [] : [`processes that this user has no permission to check: ${some(closed)}`]),
    ...(hidden ? ['processes of other users, which /proc hides on this machine (mount option hidepid)'] : []),
  ];
}

function some(pids: readonly number[]): string {
  const more = pids.length > MAX_PIDS ? ` and ${pids.length - MAX_PIDS} more` : '';
  return pids.slice(0, MAX_PIDS).join(', ') + more;
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
