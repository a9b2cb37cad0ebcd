import type { SubagentHandle } from '../../client/index.ts';
import { failureOf } from '../failure.ts';
import { subagentText } from '../subagent-text.ts';
import { identityView } from '../targets.ts';
import type { SubagentView } from '../view.ts';
import type { ActionResult } from './action.ts';

/** What was done to one subagent: what to show of it, and lines of ours that go with it. */
export interface Done {
  readonly view: Partial<SubagentView>;
  readonly lines?: readonly string[];
}

/**
 * Does something to each of them, side by side. One that it cannot be done to does not hinder the others; where there is only
 * one, its error is the answer.
 */
export async function each(
  handles: readonly SubagentHandle[],
  act: (handle: SubagentHandle) => Promise<Done>,
): Promise<ActionResult> {
  if (handles.length === 0)
    return { text: 'No live subagent in this session.', structured: { subagents: [] } };
  const done = await Promise.all(
    handles.map(async (handle) => {
      try {
        const { view, lines = [] } = await act(handle);
        return { view: { ...identityView(await handle.identity()), ...view }, lines };
      } catch (error) {
        if (handles.length === 1) throw error;
        return {
          view: { ...identityView(await handle.identity()), error: failureOf(error).error },
          lines: [],
        };
      }
    }),
  );
  return {
    text: done.map(({ view, lines }) => subagentText(view, lines)).join('\n'),
    structured: { subagents: done.map(({ view }) => view) },
  };
}
