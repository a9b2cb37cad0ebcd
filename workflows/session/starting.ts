/** Admits a subagent on its host, then starts its workflow. Used by sessions, and by chains for their steps. */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import {
  CancellationScope,
  startChild,
  TimeoutFailure,
  type ChildWorkflowHandle,
  type ParentClosePolicy,
} from '@temporalio/workflow';
import {
  hostControlQueue,
  MAIN_QUEUE,
  oneLine,
  SEARCH_ATTRIBUTES,
  SUBAGENT,
  subagentWorkflowId,
  type Admission,
  type Outcome,
  type ResolvedSpec,
  type SessionEntry,
  type SubagentInput,
} from '../../src/contract/index.ts';
import { hostCalls, isLost } from '../shared/activity-calls.ts';
import { codeIn } from '../shared/failure.ts';
import { codeBlock } from '../shared/panel-text.ts';

const keyword = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
/** The search attributes of all listed workflows. */
export const KEYS = {
  session: keyword(SEARCH_ATTRIBUTES.session),
  label: keyword(SEARCH_ATTRIBUTES.label),
  status: keyword(SEARCH_ATTRIBUTES.status),
  repository: keyword(SEARCH_ATTRIBUTES.repository),
  model: keyword(SEARCH_ATTRIBUTES.model),
};

/**
 * Asks a worker on the specs' host, which can see the checkout, to admit them. The answers are in the order of the
 * specs.
 */
export async function admit(session: string, specs: readonly ResolvedSpec[]): Promise<Admission[]> {
  const queue = specs[0]?.hostQueue;
  if (queue === undefined) return [];
  const names = specs.map(({ label }) => label).join(', ');
  const summary = `admits ${names.slice(0, 80)}`;
  try {
    for (;;) {
      const answer = await hostCalls(hostControlQueue(queue)).admit.executeWithOptions({ summary }, [
        { session, specs },
      ]);
      if (!isLost(answer)) return answer;
    }
  } catch (error) {
    return specs.map(() => unansweredAdmission((error as Error).cause ?? error));
  }
}

/** The admission of a spec when the host did not answer. */
function unansweredAdmission(why: unknown): Admission {
  if (why instanceof TimeoutFailure)
    return {
      admitted: false,
      code: 'NO_WORKER',
      reason: `no worker on the host answered: ${why.message}`,
      remedy: 'start a worker with: subagents up',
    };
  return {
    admitted: false,
    ...codeIn(why),
    reason: `the worker cannot accept it: ${(why as Error).message}`,
  };
}

/** The input of an admitted subagent, completed with the settings of its repository and its worker. */
export function admittedInput(
  input: SubagentInput,
  admission: Extract<Admission, { admitted: true }>,
): SubagentInput {
  const { spec } = input;
  const model = spec.model ?? admission.model;
  return { ...input, spec: { ...spec, ...admission.defaults, ...(model !== undefined && { model }) } };
}

/**
 * Starts the subagent's workflow, even while the caller is being cancelled.
 * @throws WorkflowExecutionAlreadyStartedError when a subagent with its label is live
 */
export async function startSubagent(
  child: SubagentInput,
  parentClosePolicy: ParentClosePolicy,
): Promise<{ handle: ChildWorkflowHandle<(input: SubagentInput) => Promise<Outcome>>; entry: SessionEntry }> {
  const { label, run, spec } = child;
  const workflowId = subagentWorkflowId(child.session, label);
  const handle = await CancellationScope.nonCancellable(() =>
    startChild<(input: SubagentInput) => Promise<Outcome>>(SUBAGENT.workflow, {
      ...options(child, workflowId),
      parentClosePolicy,
    }),
  );
  const entry: SessionEntry = {
    label,
    run,
    workflowId,
    runId: handle.firstExecutionRunId,
    status: 'queued',
    task: oneLine(spec.task, 120),
    repo: spec.repo,
    isolation: spec.isolation,
    ...(spec.model !== undefined && { model: spec.model }),
    ...(spec.fingerprint !== undefined && { fingerprint: spec.fingerprint }),
    startedAt: new Date().toISOString(),
  };
  return { handle, entry };
}

function options(child: SubagentInput, workflowId: string) {
  const { label, spec } = child;
  return {
    workflowId,
    taskQueue: MAIN_QUEUE,
    args: [child] as [SubagentInput],
    // The task is in the details, because it would be too long for a line in a list of events.
    staticSummary: child.run > 1 ? `${label}@${child.run}` : label,
    staticDetails: `${spec.isolation} of \`${spec.repo}\` at \`${spec.base.commit.slice(0, 12)}\`\n\n${codeBlock(spec.task.slice(0, 8_000))}`,
    memo: {
      label,
      run: child.run,
      session: child.session,
      task: oneLine(spec.task, 120),
      repo: spec.repo,
      ...(spec.fingerprint !== undefined && { fingerprint: spec.fingerprint }),
    },
    typedSearchAttributes: [
      { key: KEYS.session, value: child.session },
      { key: KEYS.label, value: label },
      { key: KEYS.status, value: 'queued' },
      { key: KEYS.repository, value: spec.repo.slice(-255) },
      ...(spec.model === undefined ? [] : [{ key: KEYS.model, value: spec.model.slice(0, 255) }]),
    ],
  };
}
