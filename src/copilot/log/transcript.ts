/** The event log as a transcript for people, in bounded excerpts. */
import { MAX_MESSAGE_CHARS, stripControls, type TranscriptEntry } from '../../contract/index.ts';
import type { CopilotEvent } from './events.ts';
import { describeTool } from '../turn/describe-tool.ts';

/** Characters of one entry. The subagent's own messages may be longer, because one of them is its report. */
const MAX_TEXT_CHARS = 2_000;
/** A marker line that we put above a message to recognize it. */
const MARKER = /^\[(subagent|message from the main agent,) .*\]$/;

/** Transcript entries of an event. `startedAt`: start of each tool call by its id (ISO 8601). */
export function toEntries(event: CopilotEvent, startedAt: ReadonlyMap<string, string>): TranscriptEntry[] {
  // Events of Copilot's own sub-agents are left out; their result appears as the result of the tool that called them.
  if (event.agentId !== undefined) return [];
  const at = event.timestamp;
  const entry = (kind: TranscriptEntry['kind'], text: string, more: Partial<TranscriptEntry> = {}) => [
    { at, kind, text: excerpt(text, kind === 'message' ? MAX_MESSAGE_CHARS : MAX_TEXT_CHARS), ...more },
  ];
  switch (event.type) {
    case 'user.message':
      return userMessage(event.data.content, entry);
    case 'assistant.message': {
      const { content, reasoningText = '' } = event.data;
      return [
        ...(reasoningText.trim() === '' ? [] : entry('reasoning', reasoningText)),
        ...(content.trim() === '' ? [] : entry('message', content)),
      ];
    }
    case 'tool.execution_start': {
      const { toolName, toolCallId, arguments: args } = event.data;
      return entry('tool', describeTool(toolName, args), { tool: toolName, toolCallId });
    }
    case 'tool.execution_complete':
      return toolResult(event, startedAt, entry);
    case 'session.error':
      return entry('error', event.data.message);
    case 'session.warning':
      return entry('warning', event.data.message);
    case 'system.notification':
      return entry('warning', event.data.content.replace(/<\/?system_notification>/g, '').trim());
    case 'abort':
      return entry('warning', 'interrupted');
    case 'session.shutdown':
      return entry('turn-end', 'end of the turn');
    default:
      return [];
  }
}

type MakeEntry = (
  kind: TranscriptEntry['kind'],
  text: string,
  more?: Partial<TranscriptEntry>,
) => TranscriptEntry[];

function userMessage(content: string, entry: MakeEntry): TranscriptEntry[] {
  const steer = content.startsWith('[message from the main agent,');
  const lines = content.split('\n').filter((line) => !MARKER.test(line));
  return entry(steer ? 'steer' : 'task', lines.join('\n').trim());
}

function toolResult(
  event: Extract<CopilotEvent, { type: 'tool.execution_complete' }>,
  startedAt: ReadonlyMap<string, string>,
  entry: MakeEntry,
): TranscriptEntry[] {
  const { toolCallId, success, result, error, shellExecution } = event.data;
  const started = startedAt.get(toolCallId);
  const exitCode = shellExecution?.exitCode;
  // The runtime's line about the shell repeats the exit code.
  const text = (result?.content ?? error?.message ?? '').replace(/\n?<shellId: \w+ completed[^>]*>\s*$/, '');
  return entry('tool-result', text, {
    toolCallId,
    ok: success && (exitCode ?? 0) === 0,
    ...(exitCode !== undefined && { exitCode }),
    ...(started !== undefined && {
      durationMs: Math.max(0, Date.parse(event.timestamp) - Date.parse(started)),
    }),
  });
}

/** The beginning and the end of a long text, because the end of a command's output often matters most. */
function excerpt(text: string, max: number): string {
  const clean = stripControls(text);
  if (clean.length <= max) return clean;
  const half = max / 2 - 20;
  const cut = clean.length - 2 * half;
  return `${clean.slice(0, half)}\n… ${cut} characters …\n${clean.slice(-half)}`;
}
