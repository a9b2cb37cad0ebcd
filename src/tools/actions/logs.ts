import type { SubagentHandle, TranscriptEntry } from '../../client/index.ts';
import { MAX_FENCED_CHARS, MAX_READ_CHARS, tail, transcriptRemoved } from '../../contract/index.ts';
import { fencedText, newestEntries, NOTHING_SAID } from '../../prompts/index.ts';
import { fenced } from '../fence.ts';
import { oneHandle } from '../targets.ts';
import type { Action } from './action.ts';
import { forEachTarget } from './each.ts';

const DEFAULT_ENTRIES = 20;
const MAX_ENTRY_CHARS = 600;

/** Shows the newest transcript entries of a subagent; with an offset, the whole transcript from there on. */
export const logsAction: Action = async (context, { target, count = DEFAULT_ENTRIES, offset }) => {
  const subagents = await context.connect();
  return await forEachTarget([await oneHandle(context, subagents, 'logs', target)], async (handle) => {
    const { label, run } = await handle.identity();
    const entries = await transcriptEntries(handle, context.signal);
    if (entries.length === 0) return { view: {}, lines: [await whyEmpty(handle)] };
    const words = (text: string, window = {}) =>
      fenced('transcript', `subagent ${label}@${run}`, text, window);
    if (offset !== undefined)
      return { view: { words: words(wholeText(entries), { offset, max: MAX_READ_CHARS }) } };
    const newest = newestLines(entries, { count, chars: MAX_FENCED_CHARS });
    return {
      view: { words: words(newest.join('\n')) },
      lines: leftOut(newest, entries),
    };
  });
};

/**
 * The newest transcript entries within `max` characters, fenced, with a note on omitted ones.
 * @throws SubagentsError as `SubagentHandle.transcript`
 */
export async function transcriptText(
  handle: SubagentHandle,
  { max, signal }: { readonly max: number; readonly signal: AbortSignal },
): Promise<string> {
  const { label, run } = await handle.identity();
  const entries = await transcriptEntries(handle, signal);
  if (entries.length === 0) return whyEmpty(handle);
  const newest = newestLines(entries, { count: entries.length, chars: max });
  const text = newest.join('\n');
  return [...leftOut(newest, entries), fenced('transcript', `subagent ${label}@${run}`, text, max)].join(
    '\n',
  );
}

async function whyEmpty(handle: SubagentHandle): Promise<string> {
  return transcriptRemoved((await handle.describe()).cleaned) ?? NOTHING_SAID;
}

/**
 * The whole last message of a transcript; `undefined` when there is none.
 * @throws SubagentsError as `SubagentHandle.transcript`
 */
export async function lastMessage(handle: SubagentHandle, signal: AbortSignal): Promise<string | undefined> {
  return (await transcriptEntries(handle, signal)).findLast(({ kind }) => kind === 'message')?.text;
}

/** The transcript without reasoning, oldest entry first. */
async function transcriptEntries(handle: SubagentHandle, signal: AbortSignal): Promise<TranscriptEntry[]> {
  const entries: TranscriptEntry[] = [];
  for await (const entry of handle.transcript({ signal }))
    if (entry.kind !== 'reasoning') entries.push(entry);
  return entries;
}

/** Short lines of the newest entries, oldest first: as many as fit into `chars` characters, but at least one. */
function newestLines(
  entries: readonly TranscriptEntry[],
  { count, chars }: { readonly count: number; readonly chars: number },
): string[] {
  const lines: string[] = [];
  let left = chars;
  for (const entry of entries.slice(-count).reverse()) {
    const line = lineOf(entry, MAX_ENTRY_CHARS);
    left -= line.length + 1;
    if (left < 0 && lines.length > 0) break;
    lines.unshift(line);
  }
  return lines;
}

const wholeText = (entries: readonly TranscriptEntry[]): string =>
  entries.map((entry) => lineOf(entry, Infinity)).join('\n');

/** A line that says how much of the transcript `newest` has, unless that is all. */
function leftOut(newest: readonly string[], entries: readonly TranscriptEntry[]): string[] {
  const whole = wholeText(entries);
  if (newest.join('\n') === whole) return [];
  return [newestEntries(newest.length, entries.length, fencedText(whole).length)];
}

function lineOf({ at, kind, text, exitCode }: TranscriptEntry, max: number): string {
  const code = exitCode === undefined ? '' : ` (exit ${exitCode})`;
  return `${at.slice(11, 19)} ${kind}${code}: ${tail(text.trim(), max)}`;
}
