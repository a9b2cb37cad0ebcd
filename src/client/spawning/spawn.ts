/** Spawns subagents: the client, which has the checkout, parses and resolves the specs; the session accepts them. */
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
import { concurrently } from '../connection/concurrency.ts';
import { isTransient, isTimeout, addUnknownEffect } from '../errors.ts';
import { reopenSession } from '../../temporal/reopen-session.ts';
import { sessionStart } from '../../temporal/session-start.ts';
import { findNewestRun } from '../listing/visibility.ts';
import type { Link } from '../connection/link.ts';
import type { KnownRun } from '../listing/runs.ts';
import { Destinations } from './destination.ts';
import { digestOf } from './fingerprint.ts';
import type { SpawnRefusal } from '../handles.ts';
import { resolveSpec, type Caller } from './resolve-spec.ts';
import { CheckoutSender, isSent, isUnreadableRemote } from './send-checkout.ts';
import { checkSpawnSize, parseSpecs, type ParsedSpec } from './spec.ts';
import type { SpawnOptions } from '../types.ts';
import { Git } from '../../git/git.ts';

/** How long the session may take to answer, in milliseconds: 50 specs at once take seconds. */
const SPAWN_TIMEOUT_MS = 60_000;

/** A spec ready to send with notes for its caller, or its refusal. */
type Prepared = Ready | Refused;
interface Ready {
  readonly spec: ResolvedSpec;
  readonly notes: readonly string[];
}
/** The session's answer for a spec that it accepted. */
export type Accepted = Extract<SpawnAnswer, { status: 'accepted' }>;
type Refused = Extract<SpawnAnswer, { status: 'refused' }>;

/**
 * Spawns `specs` in one request. Returns an answer for each, in order.
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
  const caller = { cwd, hostQueue: await link.hostQueue(), pool: link.pool };
  const destinations = new Destinations(link, caller.hostQueue);
  // Runs meanwhile. Errors in the specs take precedence.
  destinations.lookAhead();
  const resolved = await concurrently(parsed, (spec) => prepare(spec, caller));
  const chosen = await concurrently(resolved, async (each) => {
    if (!('spec' in each)) return each;
    const { spec, notes } = await destinations.choose(each.spec);
    return { spec, notes: [...each.notes, ...notes] };
  });
  const sender = new CheckoutSender(link, { session, signal: options.signal, onSent: options.onSent });
  const prepared = await concurrently(chosen, (each) => withCheckout(sender, each));
  const send = (id: string, some: readonly Ready[]): Promise<SpawnAnswer[]> =>
    some.length === 0
      ? Promise.resolve([])
      : sendSpawn(link, session, { requestId: id, specs: some.map(({ spec }) => spec) }, timeoutMs, title);
  const ready = prepared.filter((each) => 'spec' in each);
  const answers = await send(requestId, ready);
  // Where no worker can read the remote with its own credentials, all commits are sent.
  for (const [index, { spec }] of ready.entries()) {
    const answer = answers[index];
    if (answer?.status !== 'refused' || !isUnreadableRemote(spec, answer.code)) continue;
    const whole = await withCheckout(sender, { spec, notes: [] }, { complete: true });
    if (!('spec' in whole)) continue;
    const [second] = await send(`${requestId.slice(0, 90)}/all`, [whole]);
    if (second !== undefined) answers[index] = second;
    ready[index] = whole;
    prepared[prepared.findIndex((each) => 'spec' in each && each.spec === spec)] = whole;
  }
  await concurrently([...ready.entries()], async ([index, { spec }]) => {
    const answer = answers[index];
    if (answer?.status === 'accepted') await sender.recordAccepted(spec, answer);
  });
  await releaseRefused(ready, answers);
  return prepared.map((each) => {
    if (!('spec' in each)) return each;
    const answer = answers.shift();
    if (answer === undefined)
      throw new SubagentsError('INTERNAL', `session ${session} did not answer for one of the specs`);
    return answer.status === 'accepted' ? { ...answer, notes: [...each.notes, ...answer.notes] } : answer;
  });
}

/** Releases carried changes that only refused specs have. */
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
  await Promise.all(refused.map(({ repo, commit }) => releaseCarried(Git.at(repo), commit)));
}

/** Converts the session's refusal of a spec into the library's. */
export function refusalOf({ label, code, reason, remedy }: Refused): SpawnRefusal {
  const known = ERROR_CODES.includes(code as ErrorCode) ? (code as ErrorCode) : 'INTERNAL';
  return { accepted: false, label, code: known, reason, ...(remedy !== undefined && { remedy }) };
}

/** A refusal as an error. */
export function refusalError(refused: Refused, doing = 'spawn'): SubagentsError {
  const { label, code, reason, remedy } = refusalOf(refused);
  return new SubagentsError(code, `cannot ${doing} ${label}: ${reason}`, { remedy });
}

/** Sends the checkout of a spec that goes to a pool by path. What cannot be sent refuses only this spec. */
async function withCheckout(
  sender: CheckoutSender,
  each: Prepared,
  how: { readonly complete?: boolean } = {},
): Promise<Prepared> {
  if (!('spec' in each) || !isSent(each.spec)) return each;
  const { spec, notes } = each;
  return orRefused(spec.label, async () => {
    const sent = await sender.send(spec, how);
    return { spec: sent.spec, notes: [...notes, ...sent.notes] };
  });
}

/** Resolves a spec on this machine. A missing repository or base refuses only this spec. */
const prepare = (spec: ParsedSpec, caller: Caller): Promise<Prepared> =>
  orRefused(spec.label, () => resolveSpec(spec, caller));

async function orRefused(label: string, work: () => Promise<Ready>): Promise<Prepared> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SubagentsError)) throw error;
    const { code, message: reason, remedy } = error;
    return { status: 'refused', label, code, reason, ...(remedy !== undefined && { remedy }) };
  }
}

/** Sends the Update of a spawn. */
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
  return answersOrStarted(link, session, request.specs, async () =>
    spawnAnswer.array().parse(
      await sendToSession(link, session, {
        update: SESSION.spawn,
        request: { ...request, digest },
        doing,
        timeoutMs,
        title,
      }),
    ),
  );
}

/** The answers of `send`; when they are missing, answers from the runs that the server shows as started. */
export async function answersOrStarted(
  link: Link,
  session: string,
  wanted: readonly { readonly label: string; readonly fingerprint?: string | undefined }[],
  send: () => Promise<SpawnAnswer[]>,
): Promise<SpawnAnswer[]> {
  try {
    return await send();
  } catch (error) {
    // Perhaps only the answer was lost.
    const started =
      isTimeout(error) || isTransient(error) ? await startedOf(link, session, wanted) : undefined;
    if (started === undefined) throw error;
    return started;
  }
}

/** Answers from the runs that the server shows as started; undefined unless all of the request was started. */
async function startedOf(
  link: Link,
  session: string,
  wanted: Parameters<typeof answersOrStarted>[2],
): Promise<SpawnAnswer[] | undefined> {
  const answers: SpawnAnswer[] = [];
  for (const { label, fingerprint } of wanted) {
    const found = await findNewestRun(link, session, label).catch(() => undefined);
    if (fingerprint === undefined || found?.fingerprint !== fingerprint || isFinal(found.status))
      return undefined;
    const { run, workflowId, runId } = found;
    const notes = ['the session did not answer in time, but the subagent has started'];
    answers.push({ status: 'accepted', label, run, workflowId, runId, notes });
  }
  return answers;
}

/** The answer to an equal earlier request whose run is live; undefined when there is none. */
export function answerOfEarlierRun(
  { status, label, run, workflowId, runId, fingerprint }: KnownRun,
  asked: string,
): Accepted | undefined {
  if (isFinal(status) || fingerprint !== asked) return undefined;
  return { status: 'accepted', label, run, workflowId, runId, notes: [], repeated: true };
}

/** Sends an Update, and starts the session if there is none. Updates with the same id and digest are one request. */
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
    // Reopening a session that was ended from outside keeps its announcements.
    await link.call(doing, () => reopenSession(link.client, session, { cancelled: true }), { timeoutMs });
    return await link.call(
      doing,
      () =>
        link.client.workflow.executeUpdateWithStart<never, unknown, [object]>(update, {
          args: [request],
          // With the id alone, the server would answer a different request with the answer of the first.
          updateId: `${request.requestId}/${request.digest}`,
          startWorkflowOperation: startWorkflowOperation as never,
        }),
      { timeoutMs },
    );
  } catch (error) {
    throw addUnknownEffect(
      error,
      `repeat the same call with --request-id ${request.requestId}: it starts nothing twice (without the id, only while the first subagent is live)`,
    );
  }
}
