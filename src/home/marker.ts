/**
 * The mark that every process of a subagent carries: a hard limit on file locks (RLIMIT_LOCKS). Linux has not used that
 * limit since 2.4.25 (getrlimit(2)), every descendant inherits it, whatever it does to its environment, session or
 * parent, and no unprivileged process can raise it again. /proc/PID/limits shows it.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Marks lie in [2^52, 2^53): nobody sets such a limit by hand, and a JavaScript number holds it exactly. */
const BITS = 52;
/** Depths of nesting told apart: a subagent that tests this very software starts subagents itself. */
const MAX_DEPTH = 12;

/**
 * The mark of a Copilot session's processes, derived from its id: two of 100,000 sessions share one with a
 * probability of about one in a million. Inside a marked process it lies below that mark, for a limit can only be lowered.
 */
export function processMarker(copilotSessionId: string): number {
  const bits = BITS - depth();
  const hash = createHash('sha256').update(copilotSessionId).digest().readBigUInt64BE();
  return Number((1n << BigInt(bits)) + (hash & ((1n << BigInt(bits)) - 1n)));
}

/** The init script for the session's shells (bash). Where the limit cannot be set the shell goes on without it. */
export function markerScript(copilotSessionId: string): string {
  return `# Lets the end of this session find every process it started.\nulimit -x ${processMarker(copilotSessionId)} 2>/dev/null || true\n`;
}

/** The hard limit in the text of /proc/PID/limits; undefined when it is unlimited. */
export function hardLockLimit(limits: string): number | undefined {
  const value = /^Max file locks +\S+ +(\d+)/m.exec(limits)?.[1];
  return value === undefined ? undefined : Number(value);
}

/** How many marks this process is inside of. */
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
