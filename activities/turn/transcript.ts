/**
 * `readTranscript`: reads a page of a subagent's transcript from Copilot's event log on disk, without a runtime.
 */
import { open, stat, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type {
  ControlActivities,
  ReadTranscriptInput,
  RunName,
  TranscriptEntry,
  TranscriptPage,
} from '../../src/contract/index.ts';
import { byteLength } from '../../src/contract/index.ts';
import { opensRun } from '../../src/prompts/index.ts';
import { eventLogPath, parseLine } from '../../src/copilot/log/event-log.ts';
import { toEntries } from '../../src/copilot/log/transcript.ts';
import type { Redactor } from '../../src/environment/redact.ts';
import { errorCode } from '../../src/system/files.ts';

/** What `readTranscript` needs of its worker. */
export interface TranscriptDependencies {
  /** COPILOT_HOME of the worker's runtime. */
  readonly copilotHome: string;
  /** Removes secrets from every line. */
  readonly redactor: Redactor;
}

const MAX_ENTRIES = 100;
const MAX_PAGE_BYTES = 64 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** Maximum distance, in bytes, between the cursor and the start of a tool call that is searched for. */
const LOOK_BACK_BYTES = 1024 * 1024;
const POLL_MS = 100;

/** Creates the `readTranscript` activity. */
export function createTranscriptActivities(
  deps: TranscriptDependencies,
): Pick<ControlActivities, 'readTranscript'> {
  return {
    async readTranscript({
      copilotSessionId,
      of,
      cursor,
      waitMs,
    }: ReadTranscriptInput): Promise<TranscriptPage> {
      const path = eventLogPath(deps.copilotHome, copilotSessionId);
      const deadline = Date.now() + waitMs;
      const { cancellationSignal } = Context.current();
      for (;;) {
        const page = await readPage(path, cursor, deps.redactor, of);
        const left = deadline - Date.now();
        if (page.entries.length > 0 || left <= 0) return page;
        cursor = page.cursor;
        await waitForGrowth(path, cursor, left, cancellationSignal);
      }
    },
  };
}

/** Reads entries from byte `cursor` on. The returned cursor points after the last complete line that was read. */
async function readPage(
  path: string,
  cursor: number,
  redactor: Redactor,
  of?: RunName,
): Promise<TranscriptPage> {
  let file: FileHandle;
  try {
    file = await open(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { entries: [], cursor, atEnd: true };
    throw error;
  }
  try {
    const startedAt = await toolStarts(file, cursor);
    const entries: TranscriptEntry[] = [];
    let bytes = 0;
    let next = cursor;
    // The runs of a label share one log; a run's part begins with its first prompt.
    let run = cursor === 0 ? 1 : of?.run;
    for await (const { line, end } of linesFrom(file, cursor)) {
      if (of && line.includes('"user.message"')) run = runOpenedBy(line, of.label) ?? run;
      if (of && (run ?? 1) > of.run) return { entries, cursor: next, atEnd: true };
      next = end;
      if (of && run !== of.run) continue;
      const event = parseLine(line, redactor);
      if (event === undefined) continue;
      if (event.type === 'tool.execution_start') startedAt.set(event.data.toolCallId, event.timestamp);
      for (const entry of toEntries(event, startedAt)) {
        entries.push(entry);
        bytes += byteLength(JSON.stringify(entry));
      }
      if (entries.length >= MAX_ENTRIES || bytes >= MAX_PAGE_BYTES) {
        return { entries, cursor: next, atEnd: next >= (await file.stat()).size };
      }
    }
    return { entries, cursor: next, atEnd: true };
  } finally {
    await file.close();
  }
}

/** Returns the number of the run whose first prompt is this line. */
function runOpenedBy(line: string, label: string): number | undefined {
  const event = parseLine(line);
  if (event?.type !== 'user.message') return undefined;
  const [first = ''] = event.data.content.split('\n', 1);
  return opensRun(first) && first.startsWith(`[subagent ${label}@`)
    ? Number(/@(\d+),/.exec(first)?.[1])
    : undefined;
}

/** Returns the start times of tool calls shortly before `cursor`, for the calls that end after it. */
async function toolStarts(file: FileHandle, cursor: number): Promise<Map<string, string>> {
  const startedAt = new Map<string, string>();
  for await (const { line, end } of linesFrom(file, Math.max(0, cursor - LOOK_BACK_BYTES))) {
    if (end > cursor) break;
    if (!line.includes('"tool.execution_start"')) continue;
    const event = parseLine(line);
    if (event?.type === 'tool.execution_start') startedAt.set(event.data.toolCallId, event.timestamp);
  }
  return startedAt;
}

/**
 * Yields the complete lines from byte `from` on, each with its end offset. An incomplete last line is left for the
 * next read.
 */
async function* linesFrom(file: FileHandle, from: number): AsyncGenerator<{ line: string; end: number }> {
  let offset = from;
  let rest = Buffer.alloc(0);
  for (;;) {
    const { bytesRead, buffer } = await file.read(
      Buffer.alloc(CHUNK_BYTES),
      0,
      CHUNK_BYTES,
      offset + rest.length,
    );
    if (bytesRead === 0) return;
    rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
    for (let newline; (newline = rest.indexOf(0x0a)) !== -1;) {
      offset += newline + 1;
      const line = rest.subarray(0, newline).toString('utf8');
      rest = rest.subarray(newline + 1);
      yield { line, end: offset };
    }
  }
}

/**
 * Resolves when the log is longer than `size`, or after `ms` milliseconds; rejects when the activity is cancelled.
 */
async function waitForGrowth(path: string, size: number, ms: number, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + ms;
  while (Date.now() < deadline) {
    await sleep(Math.min(POLL_MS, deadline - Date.now()), undefined, { signal });
    const now = await stat(path).catch(() => undefined);
    if (now !== undefined && now.size > size) return;
  }
}
