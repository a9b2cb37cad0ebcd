/** Processor time of the benchmark's processes, by what they are; Linux alone shows it. */
import { markedProcesses, readProc } from './processes.ts';

/** What takes processor time. `commands` are those of the worker, git above all; `client` is this program, with the scripted model in it. */
export const COMPONENTS = ['server', 'up', 'worker', 'commands', 'runtime', 'tools', 'client'] as const;
export type Component = (typeof COMPONENTS)[number];

/** In milliseconds since the processes began. */
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

/** What the processes with the mark `folder` have used until now, and the children that they have waited for. */
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
    // From the state on, which follows the name in parentheses.
    const fields = readProc(pid, 'stat').split(') ').at(-1)?.split(' ').map(Number) ?? [];
    const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15);
    used[own ?? 'tools'] += (utime + stime) * TICK_MS;
    used[children ?? 'tools'] += (cutime + cstime) * TICK_MS;
  }
  return used;
}

/** What was used in between, for each of `count`. */
export const usedBetween = (before: ProcessorTime, after: ProcessorTime, count = 1): ProcessorTime =>
  Object.fromEntries(
    COMPONENTS.map((component) => [component, (after[component] - before[component]) / count]),
  ) as Record<Component, number>;
