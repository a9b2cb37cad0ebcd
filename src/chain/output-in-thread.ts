/**
 * Validates a report's data in a separate thread, because schema and report come from others and may be made to take
 * very long.
 */
import { pathToFileURL } from 'node:url';
import { compiledFile } from '../system/compiled-file.ts';
import type { OutputRead } from '../contract/index.ts';
import { LimitReached, runInThread, type ThreadLimits } from '../system/worker-thread.ts';

/** The input of the thread. */
export interface OutputToRead {
  readonly report: string;
  readonly schema: unknown;
}

/** Usually takes milliseconds; the limit leaves room for a busy machine. */
const LIMITS: ThreadLimits = { timeoutMs: 60_000, heapMb: 256 };

/**
 * See `readOutput`. Reaching a limit is reported as a problem of the report. @throws Error if the schema is not a
 * supported one
 */
export async function readOutputInThread(
  report: string,
  schema: unknown,
  limits = LIMITS,
): Promise<OutputRead> {
  const file = pathToFileURL(compiledFile('chain/output-thread.bundle.js'));
  try {
    return (await runInThread(file, { report, schema } satisfies OutputToRead, limits)) as OutputRead;
  } catch (error) {
    if (!(error instanceof LimitReached)) throw error;
    return {
      problem: `it could not be checked against the schema: ${error.message}. Make it shorter and simpler`,
    };
  }
}
