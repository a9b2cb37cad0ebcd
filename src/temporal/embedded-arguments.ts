import { SEARCH_ATTRIBUTES } from '../contract/names.ts';
import { LOOPBACK, type EmbeddedPorts } from './embedded-ports.ts';

/** The database, in the folder that the server runs in. */
export const DATABASE = 'temporal.db';

/** How fresh a poll must be for its poller to count (`within` of `hasPollers`), in milliseconds: polls last 10 s here. */
export const EMBEDDED_POLL_FRESHNESS_MS = 15_000;

/** Dynamic configuration of the server, JSON values. Measured: docs/decisions/0005-embedded-server-settings.md */
export const DYNAMIC_CONFIG: Record<string, string> = {
  // Default 20: the transfer queue is read every 50 ms at most, and each hop through a task queue waits for it.
  'history.transferProcessorMaxPollRPS': '2000',
  // The same for visibility: a workflow is in the list 7-20 ms after its start, not 45-95.
  'history.visibilityProcessorMaxPollRPS': '2000',
  // Default 1 s: what retries and short timers are late by.
  'history.timerProcessorMaxTimeShift': '"10ms"',
  // Default 4, for clusters. Of 40 workflows started at once one or two waited 2 s, in every fourth try: their task lay in
  // a partition that nobody polled. With one partition none did.
  'matching.numTaskqueueReadPartitions': '1',
  'matching.numTaskqueueWritePartitions': '1',
  // Default 60 s. A poll lasts 2 s less, and a poller is known by when it last began one.
  'matching.longPollExpirationInterval': '"12s"',
  // It would tell version-info.temporal.io about itself once a day.
  'frontend.enableServerVersionCheck': 'false',
  // The HTTP API listens on a port of its own, and takes POSTs that any web page may send. Nothing of ours uses it: it
  // answers to a name that nobody has.
  'frontend.httpAllowedHosts': '["none.invalid"]',
};

/**
 * A write-ahead log, synced at checkpoints: by default each commit waits for the disk. Killed processes lose nothing; a
 * power failure can take the last moments, and leaves the database consistent
 * (https://www.sqlite.org/pragma.html#pragma_synchronous).
 */
const PRAGMAS: Record<string, string> = { journal_mode: 'WAL', synchronous: 'NORMAL' };

/** Arguments of the program for a server on loopback alone, with its data in the folder it runs in. */
export function serverArguments({ grpc, hiddenUi }: EmbeddedPorts): string[] {
  return [
    ...['server', 'start-dev', '--ip', LOOPBACK, '--port', String(grpc)],
    ...['--ui-ip', hiddenUi.ip, '--ui-port', String(hiddenUi.port)],
    ...['--db-filename', DATABASE, '--log-level', 'warn'],
    // Nothing of the user's own Temporal configuration.
    ...['--disable-config-file', '--disable-config-env', '--env-file', 'none.yaml'],
    ...Object.entries(DYNAMIC_CONFIG).flatMap(([key, value]) => [
      '--dynamic-config-value',
      `${key}=${value}`,
    ]),
    ...Object.entries(PRAGMAS).flatMap(([name, value]) => ['--sqlite-pragma', `${name}=${value}`]),
    // Taken up when the namespace is made, at the first start.
    ...Object.values(SEARCH_ATTRIBUTES).flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
  ];
}
