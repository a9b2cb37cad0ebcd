/**
 * Shows one worker while it runs: keeps the worker's description in the memo of this workflow. The worker itself starts it,
 * and terminates it when it stops, because nobody may be left to run a last task.
 */
import {
  allHandlersFinished,
  condition,
  makeContinueAsNewFunc,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import { WORKER, workerDescription, type WorkerDescription } from '../../src/contract/index.ts';
import { handleSignals, handleWithArgument } from '../shared/signals.ts';

export async function worker(first: WorkerDescription): Promise<void> {
  let latest = first;
  handleSignals(() => undefined, {
    [WORKER.describe]: handleWithArgument(workerDescription, (description) => {
      if (description.workerId !== first.workerId) return;
      latest = description;
      upsertMemo({ [WORKER.memo]: latest });
    }),
  });
  await condition(() => workflowInfo().continueAsNewSuggested);
  await condition(allHandlersFinished);
  await makeContinueAsNewFunc<typeof worker>({ memo: { [WORKER.memo]: latest } })(latest);
}
