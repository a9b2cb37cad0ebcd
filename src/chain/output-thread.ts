/** The thread that reads one report; see `output-in-thread.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { readOutput } from './output.ts';
import type { OutputToRead } from './output-in-thread.ts';

const { report, schema } = workerData as OutputToRead;
parentPort?.postMessage(readOutput(report, schema));
