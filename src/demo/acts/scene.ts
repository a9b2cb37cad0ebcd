import { isFinal } from '../../contract/index.ts';
import type { SubagentRow } from '../../client/index.ts';
import type { Stage } from '../stage.ts';
import { pollUntil } from '../until.ts';

/**
 * Waits until `label` runs a shell command according to both list and transcript. @returns its row, or undefined if it
 * ended before or took too long
 */
export async function runningCommand(stage: Stage, label: string): Promise<SubagentRow | undefined> {
  const { session, activity, eventTimeoutMs: timeoutMs, signal } = stage;
  const seen = await pollUntil(
    async () => {
      const { live, finished } = await session.list();
      const row = [...live, ...finished].find((each) => each.label === label);
      if (row === undefined || isFinal(row.status)) return 'ended';
      return isShell(row.progress?.tool) && activity.runs(label) ? row : undefined;
    },
    { timeoutMs, signal },
  );
  return seen === 'ended' ? undefined : seen;
}

/** Reports a scene that did not happen: acceptable with a real model, a failure with the scripted one. */
export function skip({ narrator, scripted }: Stage, scene: string, why: string): void {
  const text = `left out: ${scene}. ${why}`;
  if (scripted) narrator.check(false, 'demo', 'left-out', text);
  else narrator.report('demo', 'left-out', text);
}

const isShell = (tool: string | undefined): boolean => tool !== undefined && /bash|shell/i.test(tool);
