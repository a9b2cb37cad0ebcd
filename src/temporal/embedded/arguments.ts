import { SEARCH_ATTRIBUTES } from '../../contract/protocol/names.ts';
import { LOOPBACK, type EmbeddedPorts } from './ports.ts';

/** The database file, in the folder that the server runs in. */
export const DATABASE = 'temporal.db';

/**
 * How recent a poll must be for its poller to count (`within` of `hasPollers`), in milliseconds: polls last 10 s here.
 */
export const EMBEDDED_POLL_FRESHNESS_MS = 15_000;

/** Dynamic configuration of the server, as JSON values. Measured: docs/decisions/0005-embedded-server-settings.md */
export const DYNAMIC_CONFIG: Record<string, string> = {
  // Default 20: the transfer queue is read at most every 50 ms, which delays each hop through a task queue.
  'history.transferProcessorMaxPollRPS': '2000',
  // The same for visibility: a workflow is listed 7-20 ms after its start, instead of 45-95 ms.
  'history.visibilityProcessorMaxPollRPS': '2000',
  // Default 1 s: the delay of retries and short timers.
  'history.timerProcessorMaxTimeShift': '"10ms"',
  // Default 4, for clusters. Of 40 workflows started at once, one or two waited 2 s in every fourth trial, because
  // their task was in a partition that nobody polled. With one partition none did.
  'matching.numTaskqueueReadPartitions': '1',
  'matching.numTaskqueueWritePartitions': '1',
  // Default 60 s. A poll lasts 2 s less, and the server knows a poller by the start of its last poll.
  'matching.longPollExpirationInterval': '"12s"',
  // Disables the daily report to version-info.temporal.io.
  'frontend.enableServerVersionCheck': 'false',
  // The HTTP API listens on its own port and accepts POSTs from any web page. We do not use it, so it answers only to a
  // host name that does not exist.
  'frontend.httpAllowedHosts': '["none.invalid"]',
};

/**
 * A write-ahead log that is synced at checkpoints; by default each commit waits for the disk. Killed processes lose
 * nothing. A power failure can lose the last moments, but leaves the database consistent
 * (https://www.sqlite.org/pragma.html#pragma_synchronous).
 */
const PRAGMAS: Record<string, string> = { journal_mode: 'WAL', synchronous: 'NORMAL' };

/** Arguments for a server that listens on loopback only, with its data in the folder it runs in. */
export function serverArguments({ grpc, hiddenUi }: EmbeddedPorts): string[] {
  return [
    ...['server', 'start-dev', '--ip', LOOPBACK, '--port', String(grpc)],
    ...['--ui-ip', hiddenUi.ip, '--ui-port', String(hiddenUi.port)],
    ...['--db-filename', DATABASE, '--log-level', 'warn'],
    // Ignores the user's own Temporal configuration.
    ...['--disable-config-file', '--disable-config-env', '--env-file', 'none.yaml'],
    ...Object.entries(DYNAMIC_CONFIG).flatMap(([key, value]) => [
      '--dynamic-config-value',
      `${key}=${value}`,
    ]),
    ...Object.entries(PRAGMAS).flatMap(([name, value]) => ['--sqlite-pragma', `${name}=${value}`]),
    // Applied when the namespace is created, at the first start.
    ...Object.values(SEARCH_ATTRIBUTES).flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
  ];
}
