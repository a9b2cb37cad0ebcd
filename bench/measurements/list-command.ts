/** The time of a command that only talks to Temporal: `subagents list --json`, as a process. */
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { now } from '../clock.ts';
import { median, rounded } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';

const COMMAND = fileURLToPath(new URL('../../src/cli/main.bundle.js', import.meta.url));
/** Goal for processor time, user and system, in milliseconds. */
const CPU_GOAL_MS = 250;

export const listCommand: Measurement = {
  name: 'list-command',
  defaultRuns: 15,
  async measure({ runs, progress }) {
    await using rig = await Rig.open({ onProgress: progress });
    const walls: number[] = [];
    const cpus: number[] = [];
    for (let run = 1; run <= runs; run++) {
      const began = now();
      // The shell's `times`: its own times, then its children's user and system time.
      const { stdout } = await execa(
        'sh',
        ['-c', '"$@" >/dev/null && times', 'sh', process.execPath, COMMAND, 'list', '--json'],
        {
          env: rig.environment('ours'),
          extendEnv: false,
        },
      );
      walls.push(now() - began);
      cpus.push(processorTime(stdout.split('\n')[1] ?? ''));
    }
    return [
      { name: 'list-command', unit: 'ms', value: rounded(median(walls)) },
      { name: 'list-command-cpu', unit: 'ms', value: rounded(median(cpus)), goal: CPU_GOAL_MS },
    ];
  },
};

/** Sum of the times in a line such as `0m0.123s 0m0.045s`, in milliseconds. */
function processorTime(line: string): number {
  return [...line.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + (Number(minutes) * 60 + Number(seconds)) * 1_000,
    0,
  );
}
