/**
 * The event log that Copilot keeps of a session: `session-state/<id>/events.jsonl` in its home, one JSON object per
 * line.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
