/** Spawning: parsed and resolved here, where the checkout is; accepted by the session. */
import { randomUUID } from 'node:crypto';
import { WithStartWorkflowOperation } from '@temporalio/client';
import {
  ERROR_CODES,
  isFinal,
  SESSION,
  spawnAnswer,
  SubagentsError,
  type ErrorCode,
  type ResolvedSpec,
  type SpawnAnswer,
  type SpawnRequest,
} from '../../contract/index.ts';
import { releaseCarried } from '../../git/worktrees/carry.ts';
import { concurrently } from '../connection/concurrently.ts';
import { isPassing, isTimeout, unanswered } from '../errors.ts';
import { reopenSession } from '../../temporal/reopen-session.ts';
import { sessionStart } from '../../temporal/session-start.ts';
import { findNewestRun } from '../listing/visibility.ts';
import type { Link } from '../connection/link.ts';
import type { KnownRun } from '../listing/runs.ts';
import { digestOf } from './fingerprint.ts';
import type { SpawnRefusal } from '../handles.ts';
import { resolveSpec, type Caller } from './resolve-spec.ts';
import { checkSpawnSize, parseSpecs, type ParsedSpec } from './spec.ts';
import type { SpawnOptions } from '../types.ts';
import { requireWorkers } from '../connection/workers.ts';
import { gitAt } from '../../git/git.ts';

/** How long the session may take to answer, in milliseconds: 50 at once take seconds. */
const SPAWN_TIMEOUT_MS = 60_000;

/** A spec ready to travel, with what its caller should know; or why it cannot. */
type Prepared = { readonly spec: ResolvedSpec; readonly notes: readonly string[] } | Refused;
/** What the session answers for a spec that it took on. */
export type Accepted = Extract<SpawnAnswer, { status: 'accepted' }>;
type Refused = Extract<SpawnAnswer, { status: 'refused' }>;

/**
 * Spawns `specs` in one request, answering each in order.
 * @throws SubagentsError CLOSED; BAD_INPUT or LIMIT when a spec is malformed (then nothing is spawned), NO_WORKER, TIMEOUT.
 */
export async function spawnAll(
  link: Link,
  session: string,
  specs: readonly unknown[],
  options: SpawnOptions,
): Promise<SpawnAnswer[]> {
  link.closed.throwIfAborted();
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
  await Promise.all(refused.map(({ repo, commit }) => releaseCarried(gitAt(repo), commit)));
}

/** What a caller is given for a spec that was refused. */
export function refusalOf({ label, code, reason, remedy }: Refused): SpawnRefusal {
  const known = ERROR_CODES.includes(code as ErrorCode) ? (code as ErrorCode) : 'INTERNAL';
  return { accepted: false, label, code: known, reason, ...(remedy !== undefined && { remedy }) };
}

/** A refusal as an error. */
export function refusalError(refused: Refused, doing = 'spawn'): SubagentsError {
  const { label, code, reason, remedy } = refusalOf(refused);
  return new SubagentsError(code, `cannot ${doing} ${label}: ${reason}`, { remedy });
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
  const digest = digestOf(request.specs);
  const doing = `spawn ${request.specs.map(({ label }) => label).join(', ')}`;
  return orStarted(link, session, request.specs, async () =>
    spawnAnswer.array().parse(
      await sendToSession(link, session, {
        ...{ update: SESSION.spawn, request: { ...request, digest }, doing, timeoutMs, title },
      }),
    ),
  );
}

/** The answers of `send`; where none came, what the server itself shows to have been started. */
export async function orStarted(
  link: Link,
  session: string,
  wanted: readonly { readonly label: string; readonly fingerprint?: string | undefined }[],
  send: () => Promise<SpawnAnswer[]>,
): Promise<SpawnAnswer[]> {
  try {
    return await send();
  } catch (error) {
    // The answer may be all that was lost.
    const started = isTimeout(error) || isPassing(error) ? await startedOf(link, session, wanted) : undefined;
    if (started === undefined) throw error;
    return started;
  }
}

/** What the server itself shows to have been started of a request; nothing unless that is all of it. */
async function startedOf(
  link: Link,
  session: string,
  wanted: Parameters<typeof orStarted>[2],
): Promise<SpawnAnswer[] | undefined> {
  const answers: SpawnAnswer[] = [];
  for (const { label, fingerprint } of wanted) {
    const found = await findNewestRun(link, session, label).catch(() => undefined);
    if (fingerprint === undefined || found?.fingerprint !== fingerprint || isFinal(found.status))
      return undefined;
    const { run, workflowId, runId } = found;
    const notes = ['the session did not answer in time; it has started all the same'];
    answers.push({ status: 'accepted', label, run, workflowId, runId, notes });
  }
  return answers;
}

/** The answer to an equal request that was made before, where what that started is live. */
export function acceptedBefore(
  { status, label, run, workflowId, runId, fingerprint }: KnownRun,
  asked: string,
): Accepted | undefined {
  if (isFinal(status) || fingerprint !== asked) return undefined;
  return { status: 'accepted', label, run, workflowId, runId, notes: [], repeated: true };
}

/** An Update that starts the session where there is none yet. The same request id is one request. */
export async function sendToSession(
  link: Link,
  session: string,
  what: {
    readonly update: string;
    readonly request: { readonly requestId: string; readonly digest: string };
    readonly doing: string;
    readonly timeoutMs: number;
    readonly title?: string | undefined;
  },
): Promise<unknown> {
  const { update, request, doing, timeoutMs, title = `session ${session}` } = what;
  const startWorkflowOperation = new WithStartWorkflowOperation(SESSION.workflow, {
    ...sessionStart(session, title),
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
  try {
    // What the last one of that name had to tell is not lost where it was ended from outside.
    await link.call(doing, () => reopenSession(link.client, session, { cancelled: true }), { timeoutMs });
    return await link.call(
      doing,
      () =>
        link.client.workflow.executeUpdateWithStart<never, unknown, [object]>(update, {
          args: [request],
          // By the id alone, the server itself would answer another request with what the first was answered.
          updateId: `${request.requestId}/${request.digest}`,
          startWorkflowOperation: startWorkflowOperation as never,
        }),
      { timeoutMs },
    );
  } catch (error) {
    throw unanswered(
      error,
      `do the very same again: while the first is live, that is the answer, and nothing is started twice. Request id ${request.requestId} is one request for ever (--request-id)`,
    );
  }
}
