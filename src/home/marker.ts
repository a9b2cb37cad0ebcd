/**
 * The mark of a subagent's processes: a hard limit on file locks (RLIMIT_LOCKS). Linux has not used that limit
 * since 2.4.25 (getrlimit(2)). Every descendant inherits it, whatever it does to its environment, session or
 * parent, and no unprivileged process can raise it again. /proc/PID/limits shows it.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Marks are in [2^52, 2^53): nobody sets such a limit by hand, and a JavaScript number represents it exactly. */
const BITS = 52;
/** Number of nesting levels with distinct marks: a subagent that tests this software starts subagents itself. */
const MAX_DEPTH = 12;

/**
 * Returns the mark of a Copilot session's processes, derived from the session's id. Among 100,000 sessions, the
 * probability that two share a mark is about one in a million. Inside a marked process the mark is lower than the
 * process's own, since a limit can only be lowered.
 */
export function processMarker(copilotSessionId: string): number {
  const bits = BITS - depth();
  const hash = createHash('sha256').update(copilotSessionId).digest().readBigUInt64BE();
  return Number((1n << BigInt(bits)) + (hash & ((1n << BigInt(bits)) - 1n)));
}

/**
 * Returns the init script for the session's shells (bash). If the limit cannot be set, the shell continues without
 * it.
 */
export function markerScript(copilotSessionId: string): string {
  return `# Marks every process of this session, so that they are found when the session ends.\nulimit -x ${processMarker(copilotSessionId)} 2>/dev/null || true\n`;
}

/** Reads the hard limit from the text of /proc/PID/limits; undefined when it is unlimited. */
export function hardLockLimit(limits: string): number | undefined {
  const value = /^Max file locks +\S+ +(\d+)/m.exec(limits)?.[1];
  return value === undefined ? undefined : Number(value);
}

/** The number of marks that this process is nested in. */
function depth(): number {
  ownDepth ??= readDepth();
  return ownDepth;
}
let ownDepth: number | undefined;

function readDepth(): number {
  if (process.platform !== 'linux') return 0;
  const limit = hardLockLimit(readFileSync('/proc/self/limits', 'latin1'));
  if (limit === undefined || limit >= 2 ** (BITS + 1)) return 0;
  return Math.min(MAX_DEPTH, BITS + 1 - Math.floor(Math.log2(limit)));
}
