/** Whether a conversation of a subagent is there to be resumed, and what is done where it is not. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { head, type TranscriptEntry } from '../../contract/index.ts';
import type { Redactor } from '../../environment/redact.ts';
import { ensurePrivateDir, writePrivateFile } from '../../system/files.ts';
import { blankEventLogAt, EVENT_LOG, parseEventLogAt } from '../log/event-log.ts';
import { toEntries } from '../log/transcript.ts';

/** What can be read of a conversation goes into a prompt: so much of its end, and of each part, in characters. */
const MAX_SHOWN_CHARS = 6_000;
const MAX_ENTRY_CHARS = 400;

/** A Copilot session has begun, and cannot be resumed. */
export class SessionLost extends Error {
  override readonly name = 'Unresumable';
}

/** Measured on 1.0.102: an event log that is empty, cut at its beginning or no JSON, and a `workspace.yaml` that is none. */
const BROKEN = /session file is corrupted|failed to load workspace/i;

/** Whether the runtime, asked to resume a session, found its state broken. */
export const saysBroken = (error: unknown): boolean => BROKEN.test(String(error));

/** Paths of what is kept of a Copilot session besides its state. */
export const sessionFiles = (copilotHome: string, copilotSessionId: string) => ({
  /** Empty; made once a prompt is in the conversation, durably. */
  begun: join(copilotHome, 'begun', copilotSessionId),
  /** The state of the newest session that could not be resumed. */
  setAside: join(copilotHome, 'set-aside', copilotSessionId),
  /** Results of its tool calls that its log may not have yet. */
  results: join(copilotHome, 'results', copilotSessionId),
});

/** Notes that the conversation has begun: from now on its state must be there. */
export function noteBegun(copilotHome: string, copilotSessionId: string): void {
  const { begun } = sessionFiles(copilotHome, copilotSessionId);
  if (existsSync(begun)) return;
  ensurePrivateDir(dirname(begun));
  writePrivateFile(begun, '');
}

export const hasBegun = (copilotHome: string, copilotSessionId: string): boolean =>
  existsSync(sessionFiles(copilotHome, copilotSessionId).begun);

/**
 * Puts the state of a session that cannot be resumed where the runtime does not find it, so that a new one can begin
 * under the same id, and gives what can be read of its end. Safe to do twice.
 */
export async function setAside(
  copilotHome: string,
  copilotSessionId: string,
  redactor: Redactor,
): Promise<string> {
  const state = join(copilotHome, 'session-state', copilotSessionId);
  const { setAside: aside, results } = sessionFiles(copilotHome, copilotSessionId);
  await rm(results, { recursive: true, force: true });
  if (existsSync(state)) {
    await rm(aside, { recursive: true, force: true });
    await mkdir(dirname(aside), { recursive: true, mode: 0o700 });
    await rename(state, aside);
    await blankEventLogAt(join(aside, EVENT_LOG), redactor);
  }
  const events = await parseEventLogAt(join(aside, EVENT_LOG), redactor);
  const shown = events.flatMap((event) => toEntries(event, new Map())).map(lineOf);
  let from = shown.length;
  for (let chars = 0; from > 0 && chars + (shown[from - 1]?.length ?? 0) < MAX_SHOWN_CHARS;)
    chars += shown[--from]?.length ?? 0;
  return shown.slice(from).join('\n');
}

const lineOf = ({ kind, text }: TranscriptEntry): string => `* ${kind}: ${head(text, MAX_ENTRY_CHARS)}`;
