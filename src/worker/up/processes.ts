/** Finds the processes that an `up` has started. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { linuxStat, processStartTime, type ProcessIdentity } from '../../system/process.ts';

/** Process `pid` and all its current descendants; empty if there is no such process. */
export function processTree(pid: number): ProcessIdentity[] {
  const parents = process.platform === 'linux' ? parentsFromProc() : parentsFromPs();
  const pids = [pid];
  // The list grows while it is iterated: children are appended behind their parents.
  for (const parent of pids)
    for (const [child, itsParent] of parents) if (itsParent === parent) pids.push(child);
  return pids.flatMap((each) => {
    const startTime = processStartTime(each);
    return startTime === undefined ? [] : { pid: each, startTime };
  });
}

/** The parent of each process. */
function parentsFromProc(): Map<number, number> {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? linuxStat(Number(name)) : undefined;
    if (stat !== undefined) parents.set(Number(name), stat.ppid);
  }
  return parents;
}

function parentsFromPs(): Map<number, number> {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  return new Map(
    table
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]),
  );
}
