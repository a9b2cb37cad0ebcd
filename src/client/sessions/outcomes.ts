/** Reads how a subagent ended from how its workflow was closed. */
import {
  ApplicationFailure,
  CancelledFailure,
  TerminatedFailure,
  TimeoutFailure,
  WorkflowFailedError,
} from '@temporalio/client';
import {
  MAX_TIMER_MS,
  outcome as outcomeSchema,
  SubagentsError,
  UnreadablePayload,
  type Outcome,
} from '../../contract/index.ts';
import { isNotFound, LostRunError, unreadableAnswer } from '../errors.ts';
import { followToEnd } from '../subagents/history.ts';
import { inspect } from '../subagents/inspect.ts';
import type { Link } from '../connection/link.ts';
import { LinkedSignal } from '../connection/linked-signal.ts';
import type { KnownRun } from '../listing/runs.ts';
import type { ResultOptions } from '../types.ts';

/**
 * Waits for the end of a run, across restarts of the server.
 * @throws LostRunError when it was terminated or the server no longer has it; SubagentsError TIMEOUT; the signal's reason.
 */
export async function awaitOutcome(link: Link, run: KnownRun, options: ResultOptions = {}): Promise<Outcome> {
  using linked = new LinkedSignal([options.signal, link.closed]);
  const name = `${run.label}@${run.run}`;
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => linked.abort(stillLiveError(name)), Math.min(options.timeoutMs, MAX_TIMER_MS));
  try {
    const events = followToEnd(link, { ...run, onlyClose: true }, linked.signal);
    while ((await events.next()).done !== true);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  } finally {
    clearTimeout(timer);
  }
  return await readEnd(link, run, name);
}

/** How long reading the outcome of an ended run may take, in milliseconds. */
const READ_TIMEOUT_MS = 10_000;

/**
 * Reads the outcome of a run that has ended.
 * @throws LostRunError, SubagentsError TIMEOUT
 */
export const readOutcome = (link: Link, run: KnownRun): Promise<Outcome> =>
  awaitOutcome(link, run, { timeoutMs: READ_TIMEOUT_MS });

/** As `readOutcome`; undefined for a run that was ended from outside and left no outcome. */
export async function findOutcome(link: Link, run: KnownRun): Promise<Outcome | undefined> {
  try {
    return await readOutcome(link, run);
  } catch (error) {
    if (error instanceof SubagentsError && error.code === 'LOST') return undefined;
    throw error;
  }
}

function stillLiveError(name: string): SubagentsError {
  return new SubagentsError('TIMEOUT', `${name} did not end in time; it keeps running`, {
    remedy: 'see what the subagent is doing with `subagents show`, or wait longer',
  });
}

/** Reads how the workflow of an ended run was closed. */
async function readEnd(link: Link, run: KnownRun, name: string): Promise<Outcome> {
  const end = await link.call(
    `read the outcome of ${name}`,
    async (): Promise<{ value: unknown } | { failure: Error | undefined } | 'unknown'> => {
      try {
        return { value: await link.client.workflow.getHandle(run.workflowId, run.runId).result() };
      } catch (error) {
        if (error instanceof WorkflowFailedError) return { failure: error.cause };
        if (isNotFound(error)) return 'unknown';
        throw error;
      }
    },
  );
  if (end === 'unknown') {
    throw new LostRunError(
      `the server has deleted the history of ${name}; its session still has: ${lostOutcomeOf(run)}`,
      {
        entry: run,
        remedy: 'its branch and commits are still in the repository',
      },
    );
  }
  if ('value' in end) return parse(end.value, name);
  const { failure } = end;
  if (failure instanceof ApplicationFailure && failure.details?.length)
    return parse(failure.details[0], name);
  if (failure instanceof CancelledFailure) return killedOutcome(link, run, name);
  if (failure instanceof TerminatedFailure || failure instanceof TimeoutFailure) {
    throw new LostRunError(`${name} was terminated (${failure.message}) and has no outcome`, {
      entry: run,
      remedy: 'its worktree and branch are unchanged; spawn it again to continue the work',
    });
  }
  throw new SubagentsError(
    'INTERNAL',
    `${name} failed without an outcome: ${failure?.message ?? 'unknown'}`,
    {
      cause: failure,
    },
  );
}

/** A cancelled workflow has no result: its outcome is in the memo. */
async function killedOutcome(link: Link, run: KnownRun, name: string): Promise<Outcome> {
  const memo = (await inspect(link, run))?.memo ?? {};
  if (memo['outcome'] !== undefined) return parse(memo['outcome'], name);
  throw new LostRunError(`${name} was cancelled and has no outcome`, { entry: run });
}

function parse(value: unknown, name: string): Outcome {
  if (value instanceof UnreadablePayload) throw unreadableAnswer(value, `the outcome of ${name}`);
  const parsed = outcomeSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new SubagentsError('INTERNAL', `the outcome of ${name} cannot be read: ${parsed.error.message}`, {
    remedy: 'another version of durable-subagents may have written it: look at it in the Temporal Web UI',
  });
}

function lostOutcomeOf({ status, summary, head }: KnownRun): string {
  return [status, summary, head === undefined ? undefined : `head ${head}`].filter(Boolean).join('; ');
}
