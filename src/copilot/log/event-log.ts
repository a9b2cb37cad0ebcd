/**
 * The event log that Copilot keeps of a session: `session-state/<id>/events.jsonl` in its home, one JSON object per
 * line.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PermissionRequest, SessionEvent } from '@github/copilot-sdk';
import { errorCode } from '../../system/files.ts';
import type { Redactor } from '../../environment/redact.ts';
import { readEvent, type CopilotEvent } from './events.ts';

/** File name in the folder of a session's state. */
export const EVENT_LOG = 'events.jsonl';

/** Path of a session's event log. */
export function eventLogPath(copilotHome: string, copilotSessionId: string): string {
  return join(copilotHome, 'session-state', copilotSessionId, EVENT_LOG);
}

/** The persisted events of known types, oldest first; empty if there is no such session. */
export async function readEventLog(
  copilotHome: string,
  copilotSessionId: string,
  redactor?: Redactor,
): Promise<CopilotEvent[]> {
  return parseEventLogAt(eventLogPath(copilotHome, copilotSessionId), redactor);
}

/** The known events of the log at `path`. */
export async function parseEventLogAt(path: string, redactor?: Redactor): Promise<CopilotEvent[]> {
  try {
    return parseEvents(await readFile(path, 'utf8'), redactor);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** The permission requests of a session as they are in its log, unredacted, by request id. */
export async function readPermissionRequests(
  copilotHome: string,
  copilotSessionId: string,
): Promise<ReadonlyMap<string, PermissionRequest>> {
  const log = await readFile(eventLogPath(copilotHome, copilotSessionId), 'utf8');
  const requests = new Map<string, PermissionRequest>();
  for (const line of log.split('\n')) {
    if (!line.includes('"permission.requested"')) continue;
    const event = jsonOf(line);
    if (event?.type === 'permission.requested')
      requests.set(event.data.requestId, event.data.permissionRequest);
  }
  return requests;
}

function jsonOf(line: string): SessionEvent | undefined {
  try {
    return JSON.parse(line) as SessionEvent;
  } catch {
    return undefined;
  }
}

/** Events in `lines`; a line cut off by a crash is skipped. */
function parseEvents(lines: string, redactor?: Redactor): CopilotEvent[] {
  return lines.split('\n').flatMap((line) => {
    const parsed = parseLine(line, redactor);
    return parsed === undefined ? [] : [parsed];
  });
}

/** The event in one line of the log; undefined if it is not of a known type. */
export function parseLine(line: string, redactor?: Redactor): CopilotEvent | undefined {
  if (line === '') return undefined;
  try {
    return readEvent(JSON.parse(line) as { type: string }, redactor);
  } catch {
    return undefined;
  }
}

/**
 * Overwrites the secrets in the log of a closed session byte for byte, so that offsets stay valid. While the session is
 * open, Copilot itself writes to the log, including unredacted shell output.
 */
export async function blankEventLog(
  copilotHome: string,
  copilotSessionId: string,
  redactor: Redactor,
): Promise<void> {
  await blankEventLogAt(eventLogPath(copilotHome, copilotSessionId), redactor);
}

/** Overwrites the secrets in the log at `path`. */
export async function blankEventLogAt(path: string, redactor: Redactor): Promise<void> {
  try {
    const before = await readFile(path);
    const after = redactor.blank(before);
    if (after === before) return;
    const beside = `${path}.redacted`;
    await writeFile(beside, after, { mode: 0o600 });
    await rename(beside, path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
