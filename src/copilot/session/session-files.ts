/** Whether a subagent's conversation can be resumed, and what happens if not. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { head, type TranscriptEntry } from '../../contract/index.ts';
import type { Redactor } from '../../environment/redact.ts';
import { ensurePrivateDir, writePrivateFile } from '../../system/files.ts';
import { blankEventLogAt, EVENT_LOG, parseEventLogAt } from '../log/event-log.ts';
import { toEntries } from '../log/transcript.ts';

/** Characters of a lost conversation's end, and of each entry in it, that are put into a prompt. */
const MAX_SHOWN_CHARS = 6_000;
const MAX_ENTRY_CHARS = 400;

/** The conversation had started, and its Copilot session cannot be resumed. */
export class CopilotSessionLost extends Error {
  override readonly name = 'CopilotSessionLost';
}

/**
 * Measured on 1.0.102 with an event log that is empty, cut at its beginning or not JSON, and with an invalid
 * `workspace.yaml`.
 */
const BROKEN = /session file is corrupted|failed to load workspace/i;

/** Whether the error says that the state of a session to be resumed is broken. */
export const isBrokenStateError = (error: unknown): boolean => BROKEN.test(String(error));

/** Paths of what is kept of a Copilot session besides its state. */
export const sessionFiles = (copilotHome: string, copilotSessionId: string) => ({
  /** An empty file, created once a prompt is durably in the conversation. */
  started: join(copilotHome, 'begun', copilotSessionId),
  /** The state of the last session that could not be resumed. */
  archived: join(copilotHome, 'set-aside', copilotSessionId),
  /** Results of tool calls that the log may not have yet. */
  results: join(copilotHome, 'results', copilotSessionId),
});

/** Records that the conversation has started; from now on its state must exist. */
export function recordConversationStarted(copilotHome: string, copilotSessionId: string): void {
  const { started } = sessionFiles(copilotHome, copilotSessionId);
  if (existsSync(started)) return;
  ensurePrivateDir(dirname(started));
  writePrivateFile(started, '');
}

/** Whether the conversation has started; see `recordConversationStarted`. */
export const hasConversationStarted = (copilotHome: string, copilotSessionId: string): boolean =>
  existsSync(sessionFiles(copilotHome, copilotSessionId).started);

/**
 * Moves the state of a session that cannot be resumed out of the runtime's sight, so that a new session can begin under
 * the same id. Returns the readable end of the old conversation. Safe to repeat.
 */
export async function archiveLostSession(
  copilotHome: string,
  copilotSessionId: string,
  redactor: Redactor,
): Promise<string> {
  const state = join(copilotHome, 'session-state', copilotSessionId);
  const { archived, results } = sessionFiles(copilotHome, copilotSessionId);
  await rm(results, { recursive: true, force: true });
  if (existsSync(state)) {
    await rm(archived, { recursive: true, force: true });
    await mkdir(dirname(archived), { recursive: true, mode: 0o700 });
    await rename(state, archived);
    await blankEventLogAt(join(archived, EVENT_LOG), redactor);
  }
  const events = await parseEventLogAt(join(archived, EVENT_LOG), redactor);
  const shown = events.flatMap((event) => toEntries(event, new Map())).map(lineOf);
  let from = shown.length;
  for (let chars = 0; from > 0 && chars + (shown[from - 1]?.length ?? 0) < MAX_SHOWN_CHARS;)
    chars += shown[--from]?.length ?? 0;
  return shown.slice(from).join('\n');
}

const lineOf = ({ kind, text }: TranscriptEntry): string => `* ${kind}: ${head(text, MAX_ENTRY_CHARS)}`;
