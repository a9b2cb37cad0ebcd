/** A short workflow that has a worker clean up after finished subagents. Returns what was removed and kept. */
import type { CleanedRun, CleanWorkflowInput } from '../../src/contract/index.ts';
import { controlCalls, isLost, timeoutAsLost } from '../shared/activity-calls.ts';

export async function clean({ workerId, ...input }: CleanWorkflowInput): Promise<readonly CleanedRun[]> {
  const summary = `${input.runs.length} finished subagents${input.dryRun ? ', dry run' : ''}`;
  for (;;) {
    const answer = await timeoutAsLost(
      controlCalls(workerId).cleanRuns.executeWithOptions({ summary }, [input]),
    );
    // Safe to repeat: what the lost attempt removed is simply absent.
    if (!isLost(answer)) return answer.runs;
  }
}
