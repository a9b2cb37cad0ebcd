import { isFinal } from '../../contract/index.ts';
import type { SubagentRow } from '../../client/index.ts';
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';

/** Waits until `label` is seen to run a shell command, in the list as well as in its transcript. @returns its row, or undefined when it ended before or took too long */
export async function runningCommand(stage: Stage, label: string): Promise<SubagentRow | undefined> {
  const { session, watching, patienceMs: timeoutMs, signal } = stage;
  const seen = await until(
    async () => {
      const { live, finished } = await session.list();
      const row = [...live, ...finished].find((each) => each.label === label);
      if (row === undefined || isFinal(row.status)) return 'ended';
      return isShell(row.progress?.tool) && watching.runs(label) ? row : undefined;
    },
    { timeoutMs, signal },
  );
  return seen === 'ended' ? undefined : seen;
}

/** A scene that did not come about: with a real model that may be, with the scripted one something is wrong. */
export function skip({ narrator, scripted }: Stage, scene: string, why: string): void {
  const text = `left out: ${scene}. ${why}`;
  if (scripted) narrator.check(false, 'demo', 'left-out', text);
  else narrator.say('demo', 'left-out', text);
}

const isShell = (tool: string | undefined): boolean => tool !== undefined && /bash|shell/i.test(tool);
