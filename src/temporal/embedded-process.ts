/** The process of an embedded server: on record with its data, so that one left behind can be ended. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { SubagentsError } from '../contract/errors.ts';
import { readIfThere, writePrivateFile } from '../system/files.ts';
import {
  isAlive,
  ownIdentity,
  processStartTime,
  signalProcess,
  type ProcessIdentity,
} from '../system/process.ts';
import { DATABASE } from './embedded-arguments.ts';

const identity = z.object({ pid: z.number().int().positive(), startTime: z.string() });
const record = z.object({ server: identity, parent: identity });

const recordPath = (dataDir: string): string => join(dataDir, 'server.json');
/** Present from before the first start until the server was ready once. */
const unfinishedPath = (dataDir: string): string => join(dataDir, 'unfinished');

/** Writes down that the server of `dataDir` is process `pid`, a child of ours. Nothing when it has ended already. */
export function recordServer(dataDir: string, pid: number): void {
  const startTime = processStartTime(pid);
  if (startTime === undefined) return;
  const content: z.infer<typeof record> = { server: { pid, startTime }, parent: ownIdentity() };
  writePrivateFile(recordPath(dataDir), JSON.stringify(content));
}

/** The server that a killed `up` has left behind on `dataDir`; undefined when there is none. */
export function serverLeftBehind(dataDir: string): ProcessIdentity | undefined {
  const found = readRecord(dataDir);
  if (!found || !isAlive(found.server.pid, found.server.startTime)) return undefined;
  return isAlive(found.parent.pid, found.parent.startTime) ? undefined : found.server;
}

/**
 * Ends the server that an earlier process left behind on `dataDir`. Gives its pid.
 * @throws SubagentsError HOME_BUSY when the process that started it lives
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

/** Ends that process: SIGTERM, and SIGKILL when it is still there after `graceMs`. Resolves when it is gone. */
export async function endProcess(process: ProcessIdentity, graceMs: number): Promise<void> {
  const killAt = Date.now() + graceMs;
  signalProcess(process, 'SIGTERM');
  while (isAlive(process.pid, process.startTime)) {
    if (Date.now() > killAt) signalProcess(process, 'SIGKILL');
    await delay(20);
  }
}

/**
 * Says that a database is about to be made in `dataDir`, unless there is one. One whose making was interrupted has
 * parts of its tables and no data: it is removed.
 */
export function beginDatabase(dataDir: string): void {
  if (existsSync(unfinishedPath(dataDir)))
    for (const suffix of ['', '-wal', '-shm', '-journal'])
      rmSync(join(dataDir, `${DATABASE}${suffix}`), { force: true });
  if (!existsSync(join(dataDir, DATABASE))) writeFileSync(unfinishedPath(dataDir), '', { mode: 0o600 });
}

/** Says that the database of `dataDir` has been made. */
export function finishDatabase(dataDir: string): void {
  rmSync(unfinishedPath(dataDir), { force: true });
}

function readRecord(dataDir: string): z.infer<typeof record> | undefined {
  try {
    return record.parse(JSON.parse(readIfThere(recordPath(dataDir)) ?? 'null'));
  } catch {
    return undefined; // absent, or cut off: it names no process
  }
}
