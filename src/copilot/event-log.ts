/** The event log that Copilot keeps of a session: `session-state/<id>/events.jsonl` in its home, one JSON object a line. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../system/files.ts';
import { readEvent, type CopilotEvent } from './events.ts';

/** Path of a session's event log. */
export function eventLogPath(copilotHome: string, copilotSessionId: string): string {
  return join(copilotHome, 'session-state', copilotSessionId, 'events.jsonl');
}

/** The persisted events that we know, oldest first; none when there is no such session. */
export async function readEventLog(copilotHome: string, copilotSessionId: string): Promise<CopilotEvent[]> {
  try {
    return parseEvents(await readFile(eventLogPath(copilotHome, copilotSessionId), 'utf8'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Events in `lines`; a line cut short by a crash is passed over. */
export function parseEvents(lines: string): CopilotEvent[] {
  return lines.split('\n').flatMap((line) => {
    const parsed = parseLine(line);
    return parsed === undefined ? [] : [parsed];
  });
}

/** One line of the log, where it is an event that we know. */
export function parseLine(line: string): CopilotEvent | undefined {
  if (line === '') return undefined;
  try {
    return readEvent(JSON.parse(line) as { type: string });
  } catch {
    return undefined;
  }
}
