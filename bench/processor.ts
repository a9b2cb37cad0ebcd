/** Processor time of the benchmark's processes by component; available on Linux only. */
import { linuxStatFields } from '../src/system/process.ts';
import { markedProcesses, readProc } from './processes.ts';

/**
 * The components. `commands` are the worker's own, mostly git; `client` is this program, including the scripted model.
 */
export const COMPONENTS = ['server', 'up', 'worker', 'commands', 'runtime', 'tools', 'client'] as const;
export type Component = (typeof COMPONENTS)[number];

/** Milliseconds since the processes started. */
export type ProcessorTime = Readonly<Record<Component, number>>;

/** A tick of /proc/pid/stat: USER_HZ, which is 100 on every Linux that Node runs on (proc_pid_stat(5)). */
const TICK_MS = 10;

const NAMES: readonly (readonly [pattern: RegExp, own: Component, children: Component])[] = [
  [/--headless/, 'runtime', 'tools'],
  [/worker\/main/, 'worker', 'commands'],
  [/spawner-process/, 'commands', 'commands'],
  [/cli\/main/, 'up', 'up'],
  [/temporal/, 'server', 'server'],
];

/** Processor time used so far by the processes with the mark `folder`, and by children they have waited for. */
export function processorTime(folder: string): ProcessorTime {
  const { user, system } = process.cpuUsage();
  const used = {
    server: 0,
    up: 0,
    worker: 0,
    commands: 0,
    runtime: 0,
    tools: 0,
    client: (user + system) / 1_000,
  };
  for (const { pid } of markedProcesses(folder)) {
    const [, own, children] = NAMES.find(([pattern]) => pattern.test(readProc(pid, 'cmdline'))) ?? [];
    const ticks = (linuxStatFields(pid) ?? []).slice(11, 15).map(Number);
    const [utime = 0, stime = 0, cutime = 0, cstime = 0] = ticks;
    used[own ?? 'tools'] += (utime + stime) * TICK_MS;
    used[children ?? 'tools'] += (cutime + cstime) * TICK_MS;
  }
  return used;
}

/** Processor time used between two readings, divided by `count`. */
export const usedBetween = (before: ProcessorTime, after: ProcessorTime, count = 1): ProcessorTime =>
  Object.fromEntries(
    COMPONENTS.map((component) => [component, (after[component] - before[component]) / count]),
  ) as Record<Component, number>;
