/** Reads the process table independently of the product: what anyone could see with `ps`. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { execa } from 'execa';
import { isAlive, processStartTime, type ProcessIdentity } from '../system/process.ts';

/** A process that works in some folder. */
export interface SeenProcess extends ProcessIdentity {
  readonly command: string;
}

/** The processes whose working directory is in `folder`, or whose command line contains it, except for this process. */
export async function processesIn(folder: string): Promise<SeenProcess[]> {
  const seen = process.platform === 'linux' ? fromProc(folder) : await fromPs(folder);
  return seen.flatMap(({ pid, command }) => {
    const startTime = pid === process.pid ? undefined : processStartTime(pid);
    return startTime === undefined ? [] : [{ pid, startTime, command }];
  });
}

/** The processes in `seen` that still run. */
export const stillAlive = (seen: readonly SeenProcess[]): SeenProcess[] =>
  seen.filter(({ pid, startTime }) => isAlive(pid, startTime));

interface Row {
  readonly pid: number;
  readonly command: string;
}

function fromProc(folder: string): Row[] {
  const inside = (path: string) => path === folder || path.startsWith(`${folder}/`);
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      // The folder of a running process may have been removed.
      const cwd = readlinkSync(`/proc/${name}/cwd`).replace(/ \(deleted\)$/, '');
      return inside(cwd) || command.includes(folder) ? [{ pid: Number(name), command }] : [];
    } catch {
      return []; // it has ended, or belongs to another user
    }
  });
}

async function fromPs(folder: string): Promise<Row[]> {
  const { stdout } = await execa('ps', ['-A', '-ww', '-o', 'pid=,args=']);
  return stdout.split('\n').flatMap((line) => {
    const [, pid, command] = /^ *(\d+) (.*)$/.exec(line) ?? [];
    return command?.includes(folder) ? [{ pid: Number(pid), command }] : [];
  });
}
