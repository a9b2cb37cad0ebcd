/** `npm run bench [-- NAME...] [--json] [--runs N]`; the measurements are described in docs/benchmark.md. */
import { parseArgs } from 'node:util';
import type { Figure } from './figure.ts';
import { isInterrupted, listenForInterruption } from './interruption.ts';
import type { Measurement } from './measurement.ts';
import { chains } from './measurements/chains.ts';
import { cost } from './measurements/cost.ts';
import { encryption } from './measurements/encryption.ts';
import { completionToArrival, extensionStart } from './measurements/extension.ts';
import { growth, hundredSpawns } from './measurements/growth.ts';
import { historyEvents } from './measurements/history.ts';
import { hops } from './measurements/hops.ts';
import { killToProof } from './measurements/kill.ts';
import { lastByteToAnnouncement, spawnToAccepted, steerToReceipt } from './measurements/latencies.ts';
import { listCommand } from './measurements/list-command.ts';
import { mcpCall } from './measurements/mcp.ts';
import { memory } from './measurements/memory.ts';
import { oneInPlace, oneVerified } from './measurements/one.ts';
import { prepare } from './measurements/prepare.ts';
import { questionRoundTrip } from './measurements/question.ts';
import { recovery } from './measurements/recovery.ts';
import { requests } from './measurements/requests.ts';
import { sandbox } from './measurements/sandbox.ts';
import { twenty } from './measurements/twenty.ts';
import { waiting } from './measurements/waiting.ts';
import { workerMemory } from './measurements/worker-memory.ts';
import { tables } from './table.ts';

const MEASUREMENTS: readonly Measurement[] = [
  oneInPlace,
  oneVerified,
  twenty,
  memory,
  workerMemory,
  spawnToAccepted,
  steerToReceipt,
  lastByteToAnnouncement,
  questionRoundTrip,
  killToProof,
  recovery,
  hundredSpawns,
  growth,
  waiting,
  historyEvents,
  requests,
  encryption,
  sandbox,
  cost,
  listCommand,
  prepare,
  mcpCall,
  chains,
  extensionStart,
  completionToArrival,
  hops,
];

const NAMES = MEASUREMENTS.map(({ name }) => name).join(', ');
const USAGE = `npm run bench [-- NAME...] [--runs N] [--json]

Measures all there is, or what is named: ${NAMES}
`;

const { values, positionals } = readArguments();
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const runs = values.runs === undefined ? undefined : Number(values.runs);
if (runs !== undefined && !(Number.isInteger(runs) && runs > 0))
  refuse('--runs takes a whole number from 1 on');
const wanted = [...positionals, ...values.only];
const unknown = wanted.find((name) => MEASUREMENTS.every((each) => each.name !== name));
if (unknown !== undefined) refuse(`no measurement is called ${unknown}; there are ${NAMES}`);

const say = (line: string): void => void process.stderr.write(`${line}\n`);
listenForInterruption(say);
try {
  const figures: Figure[] = [];
  for (const { name, defaultRuns, measure } of MEASUREMENTS) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    say(name);
    const measured = await measure({ runs: runs ?? defaultRuns, progress: (line) => say(`  ${line}`) });
    // A complete run takes long, so each result is printed as soon as it is known.
    for (const figure of measured) say(`  ${figure.name}: ${figure.value} ${figure.unit}`);
    figures.push(...measured);
  }
  process.stdout.write(
    values.json ? `${JSON.stringify({ figures }, undefined, 2)}\n` : `${tables(figures)}\n`,
  );
} catch (error) {
  // The measurement failed because its rig was closed; wait for the exit.
  if (isInterrupted()) await new Promise(() => undefined);
  throw error;
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        json: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        runs: { type: 'string' },
      },
    });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

function refuse(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(2);
}
