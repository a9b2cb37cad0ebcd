/** `npm run chaos -- --subagents 200 --seed N`: see docs/chaos.md. Exits with 1 if anything was lost. */
import { parseArgs } from 'node:util';
import { createLogUpdate } from 'log-update';
import { isInterrupted, listenForInterruption } from '../bench/interruption.ts';
import { runChaos } from './run.ts';
import { tableOf } from './table.ts';

const HELP = `npm run chaos -- [options]

  --subagents N   how many, of mixed kinds (default 200)
  --seed N        decides kinds and strikes (default: a new one, which is printed)
  --strikes N     how often something is struck (default: one for 8 subagents, at least 4)
  --workers N     each with a home of its own (default 2)
  --slots N        subagents at once on each worker (default 6)
  --freeze S      longest time that something is frozen, in seconds (default 15)
  --patience S    give up when for so long nothing moves, in seconds (default 600)
  --address H:P   a Temporal server of yours, which is not struck (default: an embedded one, which is)
  --namespace X   its namespace (default default)
  --keep          keep the folder of the run when something was lost
  --json          print one object
`;

const number = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    subagents: number,
    seed: number,
    strikes: number,
    workers: number,
    slots: number,
    freeze: number,
    patience: number,
    address: { type: 'string' },
    namespace: { type: 'string', default: 'default' },
    keep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

/** The option as a whole number of at least `min`. */
function whole(
  name: 'subagents' | 'seed' | 'strikes' | 'workers' | 'slots' | 'freeze' | 'patience',
  fallback: number,
  min: number,
): number {
  const text = values[name];
  const value = text === undefined ? fallback : Number(text);
  if (Number.isInteger(value) && value >= min) return value;
  process.stderr.write(`--${name} takes a whole number from ${min} on\n`);
  process.exit(2);
}

const subagents = whole('subagents', 200, 1);
const terminal = process.stderr.isTTY;
const update = createLogUpdate(process.stderr);
const say = (line: string): void => {
  if (terminal) update.clear();
  process.stderr.write(`${line}\n`);
};
listenForInterruption(say);
try {
  const report = await runChaos({
    subagents,
    seed: whole('seed', Math.floor(Math.random() * 1_000_000), 0),
    strikes: whole('strikes', Math.max(4, Math.round(subagents / 8)), 0),
    workers: whole('workers', 2, 1),
    slots: whole('slots', 6, 1),
    longestFreezeMs: whole('freeze', 15, 1) * 1_000,
    patienceMs: whole('patience', 600, 1) * 1_000,
    ...(values.address !== undefined && { server: { address: values.address, namespace: values.namespace } }),
    keep: values.keep,
    progress: say,
    ...(terminal && {
      standing: ({ ended, subagents, strikes, requests }) =>
        update(`${ended} of ${subagents} ended, ${strikes} strikes, ${requests} model calls`),
    }),
  });
  if (terminal) update.clear();
  process.stdout.write(values.json ? `${JSON.stringify(report, undefined, 2)}\n` : `${tableOf(report)}\n`);
  process.exit(report.losses.length === 0 ? 0 : 1);
} catch (error) {
  // The run failed because its parts were closed; wait for the exit.
  if (isInterrupted()) await new Promise(() => undefined);
  throw error;
}
