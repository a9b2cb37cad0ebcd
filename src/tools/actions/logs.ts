import type { SubagentHandle, TranscriptEntry } from '../../client/index.ts';
import { MAX_FENCED_CHARS, tail } from '../../contract/index.ts';
import { fenced } from '../fence.ts';
import { oneHandle } from '../targets.ts';
import type { Action } from './action.ts';
import { each } from './each.ts';

const DEFAULT_ENTRIES = 20;
const MAX_ENTRY_CHARS = 600;

/** The newest of what a subagent said and did. */
export const logs: Action = async (context, { target, count = DEFAULT_ENTRIES }) => {
  const subagents = await context.connect();
  return await each([await oneHandle(context, subagents, 'logs', target)], async (handle) => {
    const { label, run } = await handle.identity();
    const lines = await transcriptLines(handle, context.signal);
    const newest = tail(lines.slice(-count).join('\n'), MAX_FENCED_CHARS);
    return {
      view: {
        words: fenced('transcript', `subagent ${label}@${run}`, newest === '' ? '(nothing yet)' : newest),
      },
      lines: lines.length > count ? [`the newest ${count} of ${lines.length} entries`] : [],
    };
  });
};

/** The whole transcript, or its newest `max` characters, fenced. @throws SubagentsError as `SubagentHandle.transcript` */
export async function transcriptText(
  handle: SubagentHandle,
  { max, signal }: { readonly max: number; readonly signal: AbortSignal },
): Promise<string> {
  const { label, run } = await handle.identity();
  const all = tail((await transcriptLines(handle, signal)).join('\n'), max);
  return fenced('transcript', `subagent ${label}@${run}`, all === '' ? '(nothing yet)' : all, max);
}

/** What a subagent said and did, an entry each, oldest first. @throws SubagentsError as `SubagentHandle.transcript` */
async function transcriptLines(handle: SubagentHandle, signal: AbortSignal): Promise<string[]> {
  const lines: string[] = [];
  for await (const entry of handle.transcript({ signal }))
    if (entry.kind !== 'reasoning') lines.push(lineOf(entry));
  return lines;
}

function lineOf({ at, kind, text, exitCode }: TranscriptEntry): string {
  const code = exitCode === undefined ? '' : ` (exit ${exitCode})`;
  return `${at.slice(11, 19)} ${kind}${code}: ${tail(text.trim(), MAX_ENTRY_CHARS)}`;
}
