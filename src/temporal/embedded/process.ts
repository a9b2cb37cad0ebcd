/** The process of an embedded server, recorded beside its data so that an orphaned one can be ended. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { SubagentsError } from '../../contract/errors.ts';
import { readIfThere, writePrivateFile } from '../../system/files.ts';
import {
  isAlive,
  ownIdentity,
  processStartTime,
  signalProcess,
  type ProcessIdentity,
} from '../../system/process.ts';
import { DATABASE } from './arguments.ts';

const identity = z.object({ pid: z.number().int().positive(), startTime: z.string() });
const record = z.object({ server: identity, parent: identity });

const recordPath = (dataDir: string): string => join(dataDir, 'server.json');
/** Exists from before the first start until the server was ready once. */
const unfinishedPath = (dataDir: string): string => join(dataDir, 'unfinished');

/** Records process `pid`, a child of this process, as the server of `dataDir`. Does nothing if it has already ended. */
export function recordServer(dataDir: string, pid: number): void {
  const startTime = processStartTime(pid);
  if (startTime === undefined) return;
  const content: z.infer<typeof record> = { server: { pid, startTime }, parent: ownIdentity() };
  writePrivateFile(recordPath(dataDir), JSON.stringify(content));
}

/** The server that a killed `up` left behind on `dataDir`; undefined if there is none. */
export function findStaleServer(dataDir: string): ProcessIdentity | undefined {
  const found = readRecord(dataDir);
  if (!found || !isAlive(found.server.pid, found.server.startTime)) return undefined;
  return isAlive(found.parent.pid, found.parent.startTime) ? undefined : found.server;
}

/**
 * Ends the server that an earlier process left behind on `dataDir`. Returns its pid.
 * @throws SubagentsError HOME_BUSY if the process that started it lives
 */
export async function endStaleServer(dataDir: string): Promise<number | undefined> {
  const found = readRecord(dataDir);
  if (!found || !isAlive(found.server.pid, found.server.startTime)) return undefined;
  const { server, parent } = found;
  if (isAlive(parent.pid, parent.startTime))
    throw new SubagentsError(
      'HOME_BUSY',
      `process ${parent.pid} runs a Temporal server (process ${server.pid}) on ${dataDir}`,
      { remedy: '`subagents down` stops it; or use another home (--home, SUBAGENTS_HOME)' },
    );
  await endProcess(server, 5_000);
  return server.pid;
}

/** Ends that process: SIGTERM, then SIGKILL after `graceMs`. Resolves when it is gone. */
export async function endProcess(process: ProcessIdentity, graceMs: number): Promise<void> {
  const killAt = Date.now() + graceMs;
  signalProcess(process, 'SIGTERM');
  while (isAlive(process.pid, process.startTime)) {
    if (Date.now() > killAt) signalProcess(process, 'SIGKILL');
    await delay(20);
  }
}

/**
 * Marks that a database is being created in `dataDir`, unless there is one. A database whose creation was interrupted
 * has some of its tables and no data, and is removed.
 */
export function markDatabaseUnfinished(dataDir: string): void {
  if (existsSync(unfinishedPath(dataDir)))
    for (const suffix of ['', '-wal', '-shm', '-journal'])
      rmSync(join(dataDir, `${DATABASE}${suffix}`), { force: true });
  if (!existsSync(join(dataDir, DATABASE))) writeFileSync(unfinishedPath(dataDir), '', { mode: 0o600 });
}

/** Marks the creation of the database in `dataDir` as complete. */
export function markDatabaseFinished(dataDir: string): void {
  rmSync(unfinishedPath(dataDir), { force: true });
}

function readRecord(dataDir: string): z.infer<typeof record> | undefined {
  try {
    return record.parse(JSON.parse(readIfThere(recordPath(dataDir)) ?? 'null'));
  } catch {
    return undefined; // missing or truncated, so it names no process
  }
}
