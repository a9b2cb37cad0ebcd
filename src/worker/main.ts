/**
 * The worker process that `up` supervises: `main.js --address HOST:PORT --namespace NAME --pool NAME --log-file FILE`, with
 * the home in SUBAGENTS_HOME, and FILE as its stderr.
 */
import { parseArgs } from 'node:util';
import { jsonLine, SubagentsError } from '../contract/index.ts';
import { EMBEDDED_POLL_FRESHNESS_MS } from '../temporal/embedded/arguments.ts';
import { systemFailure } from '../system/files.ts';
import { dropWhenDiskFull } from '../system/expendable-output.ts';
import { redacted, runWorker } from './run-worker.ts';
import { answerHeartbeat } from './up/heartbeat.ts';

const { values } = parseArgs({
  options: {
    address: { type: 'string' },
    namespace: { type: 'string', default: 'default' },
    pool: { type: 'string', multiple: true, default: [] },
    'log-file': { type: 'string' },
  },
});

dropWhenDiskFull(process.stderr);
answerHeartbeat();
try {
  if (values.address === undefined)
    throw new SubagentsError('BAD_INPUT', 'the worker process needs --address');
  await runWorker({
    target: {
      address: values.address,
      namespace: values.namespace,
      origin: values.address,
      embedded: true,
      pollFreshnessMs: EMBEDDED_POLL_FRESHNESS_MS,
    },
    pools: values.pool,
    stderrFile: values['log-file'],
    onReady: ({ workerId, slots }) =>
      process.stdout.write(`${JSON.stringify({ event: 'ready', workerId, slots })}\n`),
    onNotice: (line) =>
      process.stderr.write(
        `${jsonLine({ at: new Date().toISOString(), level: 'INFO', message: redacted(line) })}\n`,
      ),
  });
  process.exit(0);
} catch (thrown) {
  const error = systemFailure(thrown) ?? thrown;
  const known = error instanceof SubagentsError;
  process.stderr.write(
    redacted(
      `${known ? `${error.message}${error.remedy ? ` (${error.remedy})` : ''}` : String((error as Error).stack)}\n`,
    ),
  );
  process.exit(1);
}
