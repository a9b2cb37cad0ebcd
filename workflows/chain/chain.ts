/**
 * The workflow of one chain: starts the subagent of each step as soon as the step is ready, and ends when no step is
 * left to run.
 */
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  defineQuery,
  isCancellation,
  setCurrentDetails,
  setHandler,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { ChainProgress } from '../../src/chain/progress.ts';
import {
  CHAIN,
  SESSION,
  shownIdentity,
  signalName,
  type AuditEntry,
  type ChainInput,
  type Outcome,
  type StepView,
} from '../../src/contract/index.ts';
import { chainEnded, chainOutcome } from './outcome.ts';
import { chainPanel } from './panel.ts';
import { asFailure } from '../subagent/outcome.ts';
import { KEYS } from '../session/starting.ts';
import { StepRunner } from './step-runner.ts';
import { auditNow, senderOfCancellation } from '../shared/sender.ts';
import { signalSession } from '../shared/signal-session.ts';

const progressQuery = defineQuery<StepView[]>(CHAIN.progress);

export async function chain(input: ChainInput): Promise<Outcome> {
  const { workflowId, firstExecutionRunId: runId } = workflowInfo();
  const startedAt = new Date().toISOString();
  const progress = new ChainProgress(
    input.chain.steps,
    { ...input.chain, label: input.label },
    input.carried,
  );
  let changed = false;
  const runner = new StepRunner(input, progress, () => (changed = true));
  const show = (outcome?: Outcome): void => setCurrentDetails(chainPanel(input, progress, outcome));

  setHandler(progressQuery, () => progress.view);
  try {
    for (;;) {
      changed = false;
      runner.start(progress.next((step) => runner.expand(step)));
      show();
      if (progress.winner || progress.isOver) break;
      await condition(() => changed);
    }
    return await CancellationScope.nonCancellable(async () => {
      if (progress.winner) await runner.stop(`${progress.winner.step} was the first to be done`);
      return conclude('verdict');
    });
  } catch (error) {
    if (!isCancellation(error)) throw error;
    return await CancellationScope.nonCancellable(async () => {
      upsertSearchAttributes([{ key: KEYS.status, value: 'stopping' }]);
      await runner.stop('the chain was killed');
      await conclude('killed');
      throw error;
    });
  }

  /**
   * Publishes the outcome (panel, memo, signal to the session), then completes or fails the workflow according to its
   * status.
   */
  async function conclude(how: 'verdict' | 'killed'): Promise<Outcome> {
    const spawned: AuditEntry = { at: startedAt, action: 'spawn', by: shownIdentity(input.by) };
    const outcome = chainOutcome(input, progress, {
      how,
      totalMs: Date.now() - Date.parse(startedAt),
      audit: how === 'killed' ? [spawned, auditNow('kill', senderOfCancellation())] : [spawned],
    });
    upsertSearchAttributes([{ key: KEYS.status, value: outcome.status }]);
    show(outcome);
    // A cancelled workflow has no result, so the memo keeps its outcome readable.
    if (how === 'killed') upsertMemo({ outcome });
    await signalSession(
      input.session,
      signalName(SESSION.ended, `${input.label}, ${outcome.status}`),
      chainEnded(input, { workflowId, runId, startedAt }, outcome),
    );
    await condition(allHandlersFinished);
    if (outcome.status === 'failed') throw asFailure(outcome);
    return outcome;
  }
}
