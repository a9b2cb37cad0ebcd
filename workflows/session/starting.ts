/** Has workers admit a subagent, then starts its workflow. Used by sessions, and by chains for their steps. */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import {
  CancellationScope,
  startChild,
  TimeoutFailure,
  type ChildWorkflowHandle,
  type ParentClosePolicy,
} from '@temporalio/workflow';
import {
  FIRST_QUEUE_MEMO,
  MAIN_QUEUE,
  oneLine,
  poolOfQueue,
  poolQueue,
  poolRefusal,
  presenceQueue,
  SEARCH_ATTRIBUTES,
  SUBAGENT,
  subagentWorkflowId,
  workerControlQueue,
  workerQueue,
  type Admission,
  type Outcome,
  type Refusal,
  type ResolvedSpec,
  type SessionEntry,
  type SubagentInput,
} from '../../src/contract/index.ts';
import { anyWorkerUrgentCalls, hostCalls, isLost } from '../shared/activity-calls.ts';
import { codeIn } from '../shared/failure.ts';
import { codeBlock } from '../shared/panel-text.ts';

/** The number of a pool's workers that are asked to admit a spec. */
const MAX_ASKED = 50;

const keyword = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
/** The search attributes of all listed workflows. */
export const KEYS = {
  session: keyword(SEARCH_ATTRIBUTES.session),
  label: keyword(SEARCH_ATTRIBUTES.label),
  status: keyword(SEARCH_ATTRIBUTES.status),
  repository: keyword(SEARCH_ATTRIBUTES.repository),
  model: keyword(SEARCH_ATTRIBUTES.model),
};

/** The queue where a subagent waits at first: of a pool or a host, or of the only worker that has what it goes on from. */
function firstQueue({ hostQueue, pool, worker, continues }: ResolvedSpec): string {
  const only = continues?.workerId ?? worker;
  if (only !== undefined) return workerQueue(only);
  return pool === undefined ? hostQueue : poolQueue(pool);
}

/**
 * The queue whose workers admit a spec. Of a continuation on a host, that is any of its workers: the one that has the
 * workspace may be away, and the subagent then waits for it.
 */
const admittingQueue = (spec: ResolvedSpec): string =>
  presenceQueue(spec.pool === undefined ? spec.hostQueue : firstQueue(spec));

/**
 * Asks workers that can see the repositories to admit the specs. The answers are in the order of the specs. A spec for a
 * pool is admitted by any of its workers, and refused once all of them have refused it.
 */
export async function admit(session: string, specs: readonly ResolvedSpec[]): Promise<Admission[]> {
  const queues = [...new Set(specs.map(admittingQueue))];
  const answers = new Map<ResolvedSpec, Admission>();
  await Promise.all(
    queues.map(async (queue) => {
      const asked = specs.filter((spec) => admittingQueue(spec) === queue);
      const admissions = await askToAdmit(session, queue, asked);
      const pool = asked[0] && poolOfQueue(firstQueue(asked[0]));
      const all = pool === undefined ? admissions : await askOthers(session, pool, asked, admissions);
      asked.forEach((spec, index) => answers.set(spec, all[index] ?? unansweredAdmission('no answer')));
    }),
  );
  return specs.map((spec) => answers.get(spec) ?? unansweredAdmission('no answer'));
}

/** Asks one of the workers of `queue`. */
async function askToAdmit(
  session: string,
  queue: string,
  specs: readonly ResolvedSpec[],
): Promise<Admission[]> {
  const names = specs.map(({ label }) => label).join(', ');
  const summary = `admits ${names.slice(0, 80)}`;
  try {
    for (;;) {
      const answer = await hostCalls(queue).admit.executeWithOptions({ summary }, [{ session, specs }]);
      if (!isLost(answer)) return answer;
    }
  } catch (error) {
    return specs.map(() => unansweredAdmission((error as Error).cause ?? error));
  }
}

/** Asks each worker of the pool about the specs that the first one refused. The first admission counts. */
async function askOthers(
  session: string,
  pool: string,
  specs: readonly ResolvedSpec[],
  first: readonly Admission[],
): Promise<Admission[]> {
  const refused = specs.filter((_, index) => first[index]?.admitted === false);
  if (refused.length === 0) return [...first];
  const workers = await anyWorkerUrgentCalls.findPoolWorkers
    .executeWithOptions({ summary: `the workers of pool ${pool}` }, [{ pool }])
    .catch((): readonly string[] => []);
  const others = await Promise.all(
    workers.slice(0, MAX_ASKED).map((workerId) => askToAdmit(session, workerControlQueue(workerId), refused)),
  );
  return specs.map((spec, index) => {
    const at = refused.indexOf(spec);
    const answers = [first[index], ...others.map((each) => each[at])].filter((each) => each !== undefined);
    const admitted = answers.find((each) => each.admitted);
    if (admitted !== undefined) return admitted;
    // The one that was asked first is asked again with the others.
    const reasons = new Map(
      answers.flatMap((each) => (each.admitted ? [] : [[each.worker ?? each.reason, each] as const])),
    );
    const [one, ...more] = [...reasons.values()] as [Refusal, ...Refusal[]];
    return poolRefusal(pool, [one, ...more]);
  });
}

/** The admission of a spec when no worker answered. */
function unansweredAdmission(why: unknown): Refusal {
  if (why instanceof TimeoutFailure)
    return {
      admitted: false,
      code: 'NO_WORKER',
      reason: `no worker that could take it answered: ${why.message}`,
      remedy: 'start a worker with: subagents up',
    };
  return {
    admitted: false,
    ...codeIn(why),
    reason: `the worker cannot accept it: ${why instanceof Error ? why.message : String(why)}`,
  };
}

/**
 * The input of an admitted subagent, completed with the settings of its repository and its worker. Of a pool, the worker
 * that takes it adds its own.
 */
export function admittedInput(
  input: SubagentInput,
  admission: Extract<Admission, { admitted: true }>,
): SubagentInput {
  const { spec } = input;
  if (poolOfQueue(firstQueue(spec)) !== undefined) return input;
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
      [FIRST_QUEUE_MEMO]: firstQueue(spec),
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
