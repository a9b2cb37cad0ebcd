/** Spawning: parsed and resolved here, where the checkout is; accepted by the session. */
import { randomUUID } from 'node:crypto';
import { WithStartWorkflowOperation } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import {
  ERROR_CODES,
  MAIN_QUEUE,
  oneLine,
  SEARCH_ATTRIBUTES,
  SESSION,
  sessionWorkflowId,
  spawnAnswer,
  SubagentsError,
  type ErrorCode,
  type ResolvedSpec,
  type SpawnAnswer,
  type SpawnRequest,
} from '../contract/index.ts';
import { releaseCarried } from '../git/carry.ts';
import { concurrently } from './concurrently.ts';
import { isTimeout } from './errors.ts';
import type { Link } from './link.ts';
import { resolveSpec, type Caller } from './resolve-spec.ts';
import { checkSpawnSize, parseSpecs, type ParsedSpec } from './spec.ts';
import type { SpawnOptions } from './types.ts';
import { requireWorkers } from './workers.ts';

/** How long the session may take to answer, in milliseconds: 50 at once take seconds. */
const SPAWN_TIMEOUT_MS = 60_000;
/** As long as a summary of the server may be, with room for characters of several bytes. */
const MAX_TITLE_CHARS = 120;
const sessionKey = defineSearchAttributeKey(SEARCH_ATTRIBUTES.session, SearchAttributeType.KEYWORD);

/** A spec ready to travel, with what its caller should know; or why it cannot. */
type Prepared = { readonly spec: ResolvedSpec; readonly notes: readonly string[] } | Refused;
type Refused = Extract<SpawnAnswer, { status: 'refused' }>;

/**
 * Spawns `specs` in one request, answering each in order.
 * @throws SubagentsError BAD_INPUT or LIMIT when a spec is malformed (then nothing is spawned), NO_WORKER, TIMEOUT.
 */
export async function spawnAll(
  link: Link,
  session: string,
  specs: readonly unknown[],
  options: SpawnOptions,
): Promise<SpawnAnswer[]> {
  const parsed = parseSpecs(specs);
  const { requestId = randomUUID(), cwd = process.cwd(), timeoutMs = SPAWN_TIMEOUT_MS, title } = options;
  if (requestId === '' || requestId.length > 100) {
    throw new SubagentsError('BAD_INPUT', 'requestId: use 1 to 100 characters');
  }
  const caller = { cwd, hostQueue: await link.hostQueue() };
  // Meanwhile; what is wrong with the specs is said first.
  const workers = requireWorkers(link, caller.hostQueue);
  workers.catch(() => undefined);
  const prepared = await concurrently(parsed, (spec) => prepare(spec, caller));
  const ready = prepared.filter((each) => 'spec' in each);
  if (ready.length > 0) await workers;
  const answers =
    ready.length === 0
      ? []
      : await sendSpawn(link, session, { requestId, specs: ready.map(({ spec }) => spec) }, timeoutMs, title);
  await releaseRefused(ready, answers);
  return prepared.map((each) => {
    if (!('spec' in each)) return each;
    const answer = answers.shift();
    if (answer === undefined)
      throw new SubagentsError('INTERNAL', `session ${session} left a spec unanswered`);
    return answer.status === 'accepted' ? { ...answer, notes: [...each.notes, ...answer.notes] } : answer;
  });
}

/** Changes that were to be carried along by nobody but refused specs are let go. */
async function releaseRefused(
  ready: readonly { readonly spec: ResolvedSpec }[],
  answers: readonly SpawnAnswer[],
): Promise<void> {
  const carried = (status: SpawnAnswer['status']) =>
    ready.flatMap(({ spec }, index) =>
      spec.carried && answers[index]?.status === status ? [{ repo: spec.repo, ...spec.carried }] : [],
    );
  const taken = new Set(carried('accepted').map(({ commit }) => commit));
  const refused = carried('refused').filter(({ commit }) => !taken.has(commit));
  await Promise.all(refused.map(({ repo, commit }) => releaseCarried(repo, commit)));
}

/** A refusal as an error. */
export function refusalError({ label, code, reason, remedy }: Refused, doing = 'spawn'): SubagentsError {
  const known = ERROR_CODES.includes(code as ErrorCode) ? (code as ErrorCode) : 'INTERNAL';
  return new SubagentsError(known, `cannot ${doing} ${label}: ${reason}`, { remedy });
}

/** Resolves what only this machine knows. A repository or base that is not there refuses this one spec. */
async function prepare(spec: ParsedSpec, caller: Caller): Promise<Prepared> {
  try {
    return await resolveSpec(spec, caller);
  } catch (error) {
    if (!(error instanceof SubagentsError)) throw error;
    const { code, message: reason, remedy } = error;
    return { status: 'refused', label: spec.label, code, reason, ...(remedy !== undefined && { remedy }) };
  }
}

/** The Update of a spawn. */
export async function sendSpawn(
  link: Link,
  session: string,
  request: SpawnRequest,
  timeoutMs: number,
  title = `session ${session}`,
): Promise<SpawnAnswer[]> {
  checkSpawnSize(request);
  const doing = `spawn ${request.specs.map(({ label }) => label).join(', ')}`;
  const answers = await sendToSession(link, session, {
    ...{ update: SESSION.spawn, request, doing, timeoutMs, title },
  });
  return spawnAnswer.array().parse(answers);
}

/** An Update that starts the session where there is none yet. The same request id is one request. */
export async function sendToSession(
  link: Link,
  session: string,
  what: {
    readonly update: string;
    readonly request: { readonly requestId: string };
    readonly doing: string;
    readonly timeoutMs: number;
    readonly title?: string | undefined;
  },
): Promise<unknown> {
  const { update, request, doing, timeoutMs, title = `session ${session}` } = what;
  const startWorkflowOperation = new WithStartWorkflowOperation(SESSION.workflow, {
    workflowId: sessionWorkflowId(session),
    taskQueue: MAIN_QUEUE,
    workflowIdConflictPolicy: 'USE_EXISTING',
    args: [{ name: session }],
    staticSummary: oneLine(title, MAX_TITLE_CHARS),
    memo: { session },
    typedSearchAttributes: [{ key: sessionKey, value: session }],
  });
  try {
    return await link.call(
      doing,
      () =>
        link.client.workflow.executeUpdateWithStart<never, unknown, [object]>(update, {
          args: [request],
          updateId: request.requestId,
          startWorkflowOperation: startWorkflowOperation as never,
        }),
      { timeoutMs },
    );
  } catch (error) {
    if (!isTimeout(error)) throw error;
    throw new SubagentsError('TIMEOUT', (error as Error).message, {
      remedy: `see in \`subagents list\` whether it was started all the same; a program repeats it with the request id ${request.requestId}, and it is done once`,
      cause: error,
    });
  }
}
