/** The thread that reads one report; see `output-apart.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { readOutput } from './output.ts';
import type { OutputToRead } from './output-apart.ts';

const { report, schema } = workerData as OutputToRead;
parentPort?.postMessage(readOutput(report, schema));
