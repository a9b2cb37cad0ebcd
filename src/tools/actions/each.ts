import { byteLength } from '../../contract/index.ts';
import type { SubagentHandle } from '../../client/index.ts';
import { toolFailure } from '../failure.ts';
import { IN_FULL, moreSubagents, NO_LIVE_SUBAGENT, subagentText } from '../../prompts/index.ts';
import { identityView } from '../targets.ts';
import type { SubagentAnswer } from '../view.ts';
import type { ToolActionResult } from './action.ts';

/** The result for one subagent: the fields to show, and lines of our own below them. */
export interface TargetResult {
  readonly view: Partial<SubagentAnswer>;
  readonly lines?: readonly string[];
}

/** Limits of an answer. */
export interface AnswerBounds {
  /** Maximum number of subagents shown in full. */
  readonly full: number;
  /** Maximum size in bytes of UTF-8. */
  readonly bytes: number;
}

/** Maximum number of ends and questions shown in full in one answer. */
export const MAX_SHOWN = 5;
const ALL_IN_FULL: AnswerBounds = { full: Infinity, bytes: Infinity };

/**
 * Runs `act` for all subagents concurrently. An error for one subagent does not affect the others; with a single
 * subagent, its error is thrown. Subagents without room in full get a line each, as far as there is room.
 */
export async function forEachTarget(
  handles: readonly SubagentHandle[],
  act: (handle: SubagentHandle) => Promise<TargetResult>,
  bounds: AnswerBounds = ALL_IN_FULL,
): Promise<ToolActionResult> {
  if (handles.length === 0) return { text: NO_LIVE_SUBAGENT, structured: { subagents: [] } };
  const done = await Promise.all(
    handles.map(async (handle) => {
      try {
        const { view, lines = [] } = await act(handle);
        return inFull({ ...identityView(await handle.identity()), ...view }, lines);
      } catch (error) {
        if (handles.length === 1) throw error;
        return inFull({ ...identityView(await handle.identity()), error: toolFailure(error).error }, []);
      }
    }),
  );
  const entries = within(done, bounds);
  const more = done.length - entries.length;
  const notes = more === 0 ? [] : [moreSubagents(more)];
  return {
    text: [...entries.map(({ text }) => text), ...notes].join('\n'),
    structured: { subagents: entries.map(({ view }) => view), ...(more > 0 && { notes }) },
  };
}

/** The part of the answer about one subagent. */
interface Entry {
  readonly view: SubagentAnswer;
  readonly text: string;
}

const inFull = (view: SubagentAnswer, lines: readonly string[]): Entry => ({
  view,
  text: subagentText(view, lines),
});

function inBrief({ session, label, run, workflowId, status, since, error }: SubagentAnswer): Entry {
  const view = { session, label, run, workflowId, status, since, error };
  return { view, text: `${subagentText(view)}${error === undefined ? IN_FULL : ''}` };
}

/** Reserves room for a line for each subagent first, then replaces the first ones by their full entries. */
function within(done: readonly Entry[], { full, bytes }: AnswerBounds): Entry[] {
  const entries: Entry[] = [];
  let left = bytes;
  for (const brief of done.map(({ view }) => inBrief(view))) {
    const takes = byteLength(brief.text) + 1;
    if (takes > left) break;
    left -= takes;
    entries.push(brief);
  }
  return entries.map((brief, index) => {
    const whole = done[index] ?? brief;
    const takes = byteLength(whole.text) - byteLength(brief.text);
    if (index >= full || takes > left) return brief;
    left -= takes;
    return whole;
  });
}
