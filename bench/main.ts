/** `npm run bench [-- --json] [--only NAME]... [--runs N]`: what is measured and how stands in docs/benchmark.md. */
import { parseArgs } from 'node:util';
import type { Figure } from './figure.ts';
import type { Measurement } from './measurement.ts';
import { hops } from './measurements/hops.ts';
import { lastByteToAnnouncement, spawnToAccepted, steerToReceipt } from './measurements/latencies.ts';
import { listCommand } from './measurements/list-command.ts';
import { memory } from './measurements/memory.ts';
import { oneInPlace, oneVerified } from './measurements/one.ts';
import { twenty } from './measurements/twenty.ts';
import { tables } from './table.ts';

const MEASUREMENTS: readonly Measurement[] = [
  oneInPlace,
  oneVerified,
  twenty,
  memory,
  spawnToAccepted,
  steerToReceipt,
  lastByteToAnnouncement,
  listCommand,
  hops,
];

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    runs: { type: 'string' },
  },
});
const runs = values.runs === undefined ? undefined : Number(values.runs);
const unknown = values.only.find((name) => MEASUREMENTS.every((each) => each.name !== name));
if (unknown !== undefined || (runs !== undefined && !(Number.isInteger(runs) && runs > 0))) {
  process.stderr.write(
    unknown === undefined
      ? `--runs takes a whole number from 1 on\n`
      : `no measurement is called ${unknown}; there are ${MEASUREMENTS.map(({ name }) => name).join(', ')}\n`,
  );
  process.exit(2);
}

const figures: Figure[] = [];
for (const { name, defaultRuns, measure } of MEASUREMENTS) {
  if (values.only.length > 0 && !values.only.includes(name)) continue;
  process.stderr.write(`${name}\n`);
  figures.push(
    ...(await measure({
      runs: runs ?? defaultRuns,
      progress: (line) => process.stderr.write(`  ${line}\n`),
    })),
  );
}
process.stdout.write(values.json ? `${JSON.stringify({ figures }, undefined, 2)}\n` : `${tables(figures)}\n`);
