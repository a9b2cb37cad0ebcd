/** Reads the data of a report where nothing else waits for it: a schema and a report come from others, and one may be made for the other. */
import { pathToFileURL } from 'node:url';
import { compiledFile } from '../system/compiled-file.ts';
import type { OutputRead } from '../contract/index.ts';
import { LimitReached, runApart, type ApartLimits } from '../system/apart.ts';

/** What one thread is given. */
export interface OutputToRead {
  readonly report: string;
  readonly schema: unknown;
}

/** Milliseconds are usual; a machine may be busy. */
const LIMITS: ApartLimits = { timeoutMs: 60_000, heapMb: 256 };

/** See `readOutput`; what takes too long or too much is a problem of the report. @throws Error where the schema is not one of ours */
export async function readOutputApart(report: string, schema: unknown, limits = LIMITS): Promise<OutputRead> {
  const file = pathToFileURL(compiledFile('chain/output-thread.bundle.js'));
  try {
    return (await runApart(file, { report, schema } satisfies OutputToRead, limits)) as OutputRead;
  } catch (error) {
    if (!(error instanceof LimitReached)) throw error;
    return { problem: `it could not be held to the schema: ${error.message}. Make it shorter and plainer` };
  }
}
