/** The event log that Copilot keeps of a session: `session-state/<id>/events.jsonl` in its home, one JSON object a line. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../system/files.ts';
import type { Redactor } from '../../environment/redact.ts';
import { readEvent, type CopilotEvent } from './events.ts';

/** Its name in the folder of a session's state. */
export const EVENT_LOG = 'events.jsonl';

/** Path of a session's event log. */
export function eventLogPath(copilotHome: string, copilotSessionId: string): string {
  return join(copilotHome, 'session-state', copilotSessionId, EVENT_LOG);
}

/** The persisted events that we know, oldest first; none when there is no such session. */
export async function readEventLog(
  copilotHome: string,
  copilotSessionId: string,
  redactor?: Redactor,
): Promise<CopilotEvent[]> {
  return parseEventLogAt(eventLogPath(copilotHome, copilotSessionId), redactor);
}

/** The same of the log at `path`. */
export async function parseEventLogAt(path: string, redactor?: Redactor): Promise<CopilotEvent[]> {
  try {
    return parseEvents(await readFile(path, 'utf8'), redactor);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Events in `lines`; a line cut short by a crash is passed over. */
function parseEvents(lines: string, redactor?: Redactor): CopilotEvent[] {
  return lines.split('\n').flatMap((line) => {
    const parsed = parseLine(line, redactor);
    return parsed === undefined ? [] : [parsed];
  });
}

/** One line of the log, where it is an event that we know. */
export function parseLine(line: string, redactor?: Redactor): CopilotEvent | undefined {
  if (line === '') return undefined;
  try {
    return readEvent(JSON.parse(line) as { type: string }, redactor);
  } catch {
    return undefined;
  }
}

/**
 * Overwrites the secrets in the log of a session that is closed, byte for byte, so that every offset stays true. While it
 * is open Copilot writes there itself, and what a shell prints stands in it as it was.
 */
export async function blankEventLog(
  copilotHome: string,
  copilotSessionId: string,
  redactor: Redactor,
): Promise<void> {
  await blankEventLogAt(eventLogPath(copilotHome, copilotSessionId), redactor);
}

/** The same of the log at `path`. */
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
