/**
 * Ends a worker that nobody needs (`--exit-when-idle`). It is needed as long as a subagent holds a slot or waits for one,
 * an activity runs, a live subagent rests on its home (asking, waiting), or a chain may go on from a step that ran here.
 */
import type { Client } from '@temporalio/client';
import type { WorkSlots } from '../../../activities/slot/work-slots.ts';
import { CHAIN, chainWorkflowId, type SubagentRef } from '../../contract/index.ts';
import type { GetRunState } from '../../git/locks/checkout-lock.ts';
import { readRuns } from '../../home/run-record.ts';
import { repeat } from './repeat.ts';

/** Milliseconds between two looks, at most; at least a tenth of the idle time. */
const MAX_LOOK_MS = 30_000;
const MIN_LOOK_MS = 200;

/** What tells whether the worker is needed. */
export interface IdleParts {
  readonly home: Parameters<typeof readRuns>[0];
  readonly client: Client;
  readonly runState: GetRunState;
  readonly slots: WorkSlots;
  /** The activities that run now. */
  readonly leases: ReadonlySet<unknown>;
}

/** What happens to an idle worker. */
export interface IdleSteps {
  /** Stops taking anything new; resolves once nothing new can come. */
  readonly drain: () => Promise<void>;
  /** Ends the worker. */
  readonly end: () => void;
}

/**
 * Drains the worker once nobody has needed it for `idleMs`, and ends it once nobody needs it after that: what came at the
 * last moment is finished.
 */
export function endWhenIdle(parts: IdleParts, idleMs: number, steps: IdleSteps): { stop(): void } {
  const lookMs = Math.max(MIN_LOOK_MS, Math.min(MAX_LOOK_MS, idleMs / 10));
  let neededAt = performance.now();
  let isDrained = false;
  const checking = repeat(async (stopped) => {
    // Without an answer of the server nobody knows: the worker stays.
    const isWanted = await isNeeded(parts).catch(() => true);
    if (stopped()) return;
    const now = performance.now();
    if (isWanted) neededAt = now;
    if (isWanted || (!isDrained && now - neededAt < idleMs)) return;
    if (isDrained) {
      checking.stop();
      return steps.end();
    }
    await steps.drain();
    isDrained = true;
  }, lookMs);
  return checking;
}

/** @throws what the client throws if the server does not answer */
async function isNeeded({ home, client, runState, slots, leases }: IdleParts): Promise<boolean> {
  if (slots.free < slots.capacity || leases.size > 0) return true;
  const ended: SubagentRef[] = [];
  for (const { subagent, endedAt } of readRuns(home)) {
    if (endedAt !== undefined) ended.push(subagent);
    else if ((await runState(subagent.workflowId, subagent.runId)) === 'open') return true;
  }
  const steps = ended.filter(({ label }) => label.includes('.'));
  if (steps.length === 0) return false;
  const chains = client.workflow.list({
    query: `WorkflowType = '${CHAIN.workflow}' AND ExecutionStatus = 'Running'`,
  });
  for await (const { workflowId } of chains)
    if (steps.some(({ session, label }) => chainWorkflowId(session, label).startsWith(`${workflowId}.`)))
      return true;
  return false;
}
