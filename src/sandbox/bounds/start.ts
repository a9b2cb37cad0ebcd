/**
 * How a program behind walls is started within bounds. Outside the walls a shell enters it into the folder of running
 * programs, where the watch finds it, and says at its end whether it was ended because of a bound; inside, a shell sets
 * the limits of the system before it becomes the program.
 */
import { join } from 'node:path';
import { boundText } from '../../prompts/index.ts';
import { boundedGroups } from './control-group.ts';
import { amountText, type Bounds } from './bounds.ts';
import { processLimit } from './process-limit.ts';

/** Exit code of a program that was not run because it could not be bounded. */
const NOT_BOUNDED = 126;

/** Bytes that each thread reserves, which count as written. */
const STACK_BYTES = 8 * 1024 * 1024;
/** The kernel's limit is so much above the bound that the watch sees who exceeds it. */
const KERNEL_PROCESSES_FACTOR = 1.25;
/** Kernels end the processes of a machine without memory in the order of this, from -1000 to 1000. */
const OOM_SCORE = 500;

/** Name of the file that says why the program of an entry was ended. */
export const endedFile = (entry: string): string => `${entry}.ended`;
/** The ending of the name of an entry whose program the kernel ended for lack of memory. */
export const NO_MEMORY = '.no-memory';

/**
 * For sh: folder of entries, this entry's text, what to say without memory, bytes, processes and folder of the control
 * group (none: empty), then the program. A program that cannot be entered or bounded does not run.
 */
const OUTER_SCRIPT = `
entry=$1/$$ text=$2 memory=$3 bytes=$4 processes=$5 sandbox=$6
shift 6
group=\${sandbox:+$sandbox/$$}
unbounded() { echo "subagents: the bounds of this sandbox cannot be set: the command was not run" >&2; exit ${NOT_BOUNDED}; }
echo ${OOM_SCORE} 2>/dev/null >/proc/self/oom_score_adj
if [ -n "$group" ]; then
  # Another command of this sandbox may just have removed the empty group.
  mkdir -p "$group" 2>/dev/null || mkdir -p "$group" || unbounded
  echo "+memory +pids" >"$sandbox/cgroup.subtree_control" || unbounded
  echo "$bytes" >"$sandbox/memory.max" && echo "$processes" >"$sandbox/pids.max" || unbounded
  [ ! -e "$sandbox/memory.swap.max" ] || echo 0 >"$sandbox/memory.swap.max"
  echo 1 >"$group/memory.oom.group" || unbounded
fi
printf '%s' "$text" >"$entry" || unbounded
(
  [ -z "$group" ] || echo 0 >"$group/cgroup.procs" || unbounded
  exec "$@"
)
code=$?
if [ -s "$entry.ended" ]; then cat "$entry.ended" >&2
elif [ -n "$group" ] && grep -qs '^oom_kill [1-9]' "$group/memory.events"; then
  echo "$memory" >&2
  mv "$entry" "$entry${NO_MEMORY}"
fi
rm -f "$entry" "$entry.ended"
[ -z "$group" ] || { rmdir "$group"; rmdir "$sandbox"; } 2>/dev/null
exit $code
`;

/** For sh: KiB of memory that one process may write, blocks (512 bytes) of one file, processes, then the program. */
const INNER_SCRIPT = `
ulimit -d "$1" 2>/dev/null; ulimit -f "$2" 2>/dev/null
ulimit -u "$3" 2>/dev/null || ulimit -p "$3" 2>/dev/null
shift 3
exec "$@"
`;

/** For sh, the first process of a namespace: the highest id of a process in it, then the program. */
const NAMESPACE_SCRIPT = `echo "$1" >/proc/sys/kernel/pid_max || exit ${NOT_BOUNDED}; shift; exec "$@"`;
/** Ids that the kernel gives only once. */
const RESERVED_IDS = 300;

/** A program started by this ends with the one that started it: nothing behind walls goes on without a watch. */
const ENDS_WITH_PARENT = ['setpriv', '--pdeathsig', 'KILL'];

/** Program and arguments that come before those of bwrap. */
export function outerCommand(bounds: Bounds): string[] {
  const { memory, running, sandbox } = bounds;
  const groups = boundedGroups();
  return [
    ...[...ENDS_WITH_PARENT, 'sh', '-c', OUTER_SCRIPT, 'sh', running, JSON.stringify(bounds)],
    ...[boundText('memory', amountText('memory', memory)), String(memory), String(kernelProcesses(bounds))],
    groups === undefined ? '' : join(groups, groupName(sandbox)),
    ...(processLimit() === 'namespace' ? inOwnNamespace(kernelProcesses(bounds)) : []),
  ];
}

const inOwnNamespace = (processes: number): string[] => [
  ...[...ENDS_WITH_PARENT, 'unshare', '--pid', '--fork', '--kill-child'],
  ...['sh', '-c', NAMESPACE_SCRIPT, 'sh', String(RESERVED_IDS + processes)],
];

/** Program and arguments that come before those of the program behind the walls. */
export function innerCommand(bounds: Bounds): string[] {
  const { memory, processes, disk } = bounds;
  const written = memory + processes * STACK_BYTES;
  const limits = [written / 1024, disk / 512, kernelProcesses(bounds)];
  return ['/bin/sh', '-c', INNER_SCRIPT, 'sh', ...limits.map((limit) => String(Math.floor(limit)))];
}

const kernelProcesses = ({ processes }: Bounds): number => Math.ceil(processes * KERNEL_PROCESSES_FACTOR);

/** A name for a control group, unique among the sandboxes of a machine. */
const groupName = (sandbox: string): string => sandbox.replaceAll('/', '-').replace(/^-+/, '');
