/**
 * Ends an embedded server that runs but does not work. Its SQLite driver can keep a query's cancellation forever: after
 * the process was frozen for a while (a suspended laptop), every call fails with `interrupted (9)` until a restart
 * (fixed in later servers: https://github.com/temporalio/temporal/pull/10427).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import type { EmbeddedServer } from './server.ts';

const CHECK_INTERVAL_MS = 5_000;
const ANSWER_TIMEOUT_MS = 5_000;
/** Failed checks in a row; a server that was only frozen answers again. */
const MAX_FAILURES = 4;

/** How to check a server, and how to end it. */
export interface HealthOptions {
  /** Milliseconds between checks; default 5 s. */
  readonly everyMs?: number;
  /** Milliseconds to wait for an answer; default 5 s. */
  readonly answerMs?: number;
  /** Ends the server's process unconditionally. */
  readonly end: () => void;
}

/** Checks until the server has ended; ends it after four checks in a row without an answer from its database. */
export async function endWhenBroken(
  { address, exited }: Pick<EmbeddedServer, 'address' | 'exited'>,
  { everyMs = CHECK_INTERVAL_MS, answerMs = ANSWER_TIMEOUT_MS, end }: HealthOptions,
): Promise<void> {
  const over = new AbortController();
  void exited.then(() => over.abort());
  const connection = Connection.lazy({ address });
  try {
    for (let failures = 0; failures < MAX_FAILURES;) {
      await delay(everyMs, undefined, { signal: over.signal, ref: false });
      failures = (await works(connection, answerMs)) ? 0 : failures + 1;
    }
    end();
  } catch {
    // The server has ended.
  } finally {
    await connection.close().catch(() => undefined);
  }
}

/** Listing namespaces reads the database; most other calls to the frontend are answered from memory. */
async function works(connection: Connection, answerMs: number): Promise<boolean> {
  try {
    await connection.withDeadline(Date.now() + answerMs, () =>
      connection.workflowService.listNamespaces({ pageSize: 1 }),
    );
    return true;
  } catch {
    return false;
  }
}
