import { ensureTemporalBinary } from '../../src/temporal/binary.ts';

/**
 * Runs once before all test files: gets the Temporal server where this machine has none yet. Tests find it by the
 * variable, also those that run with a home directory or a PATH of their own.
 */
export default async function setup(): Promise<void> {
  const { path } = await ensureTemporalBinary({
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  process.env['SUBAGENTS_TEMPORAL_PATH'] = path;
}
