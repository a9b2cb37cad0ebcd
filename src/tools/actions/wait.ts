/** Waits for announcements of subagents. */
import {
  validate,
  duration,
  isFinal,
  durationText,
  SubagentsError,
  type Announcement,
  type Outcome,
} from '../../contract/index.ts';
import type { SubagentDescription, SubagentHandle, Subagents } from '../../client/index.ts';
import { MAX_TOOL_ANSWER_BYTES } from '../news.ts';
import {
  newsLine,
  BROUGHT_NEXT,
  NO_LIVE_SUBAGENT,
  NOTHING_LEFT_TO_TELL,
  nothingYet,
} from '../../prompts/index.ts';
import { handlesOf } from '../targets.ts';
import type { ToolContext } from '../tool.ts';
import type { Action, ToolActionResult } from './action.ts';
import { announcementsResult } from './announced.ts';
import { forEachTarget, MAX_SHOWN, type TargetResult } from './each.ts';
import { describeForTool } from './show.ts';

/** Many clients (the MCP SDK's own, Codex) end a call after 60 s, which would lose the answer. */
const DEFAULT_TIMEOUT_MS = 50_000;
const PROGRESS_MS = 5_000;
const BOUNDS = { full: MAX_SHOWN, bytes: MAX_TOOL_ANSWER_BYTES };

/** Returns the next announcement; with a target, returns when the target has ended or needs attention. */
export const waitAction: Action = async (context, { target, timeout }) => {
  const timeoutMs = timeout === undefined ? DEFAULT_TIMEOUT_MS : parsed(timeout);
  const subagents = await context.connect();
  const handles = target === undefined ? undefined : await handlesOf(context, subagents, 'wait', target);
  if (handles?.length === 0) return nothing(NO_LIVE_SUBAGENT);
  const timer = AbortSignal.timeout(timeoutMs);
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, timer, stop.signal]);
  const reporting = reportProgress(context, subagents, signal);
  try {
    const result = await (handles === undefined
      ? nextAnnouncement(context, subagents, signal)
      : endOf(context, subagents, handles, signal));
    context.signal.throwIfAborted();
    return result ?? nothing(nothingYet(timeoutMs));
  } finally {
    stop.abort();
    await reporting;
  }
};

const nothing = (text: string): ToolActionResult => ({ text, structured: { notes: [text] } });

function parsed(timeout: string): number {
  const result = validate(duration, timeout);
  if (result.success) return result.data;
  throw new SubagentsError('BAD_INPUT', `timeout: ${result.error.issues[0]?.message ?? 'illegal'}`);
}

/** The next announcements of the session that no answer had; `undefined` when none arrives in time. */
async function nextAnnouncement(
  context: ToolContext,
  subagents: Subagents,
  signal: AbortSignal,
): Promise<ToolActionResult | undefined> {
  const { inbox } = context;
  const session = subagents.session(context.session);
  // In this order: a subagent that ends in between is announced by then.
  const { live } = await session.list({ finished: 0, progress: false });
  const waiting = await inbox.undelivered(subagents);
  if (waiting.length > 0) return await announcementsResult(subagents, waiting);
  if (inbox.beingPushed.length > 0) return beingPushedAnswer(inbox.beingPushed);
  if (live.length === 0) return nothing(NOTHING_LEFT_TO_TELL);
  const { receiver } = inbox;
  for await (const next of session.announcements({ receiver, acknowledge: 'manual', signal }))
    if (!inbox.isDelivered(next)) return await answerWith(context, subagents, next);
  return undefined;
}

/** The answer for the announcement that ends a wait. If the announcement is being pushed already, only mentions it. */
const answerWith = async (
  { inbox }: ToolContext,
  subagents: Subagents,
  next: Announcement,
): Promise<ToolActionResult> =>
  inbox.isBeingPushed(next) ? beingPushedAnswer([next]) : await announcementsResult(subagents, [next]);

/**
 * The answer for announcements that are being pushed. They can arrive only after this call, so the call ends at once.
 */
const beingPushedAnswer = (announcements: readonly Announcement[]): ToolActionResult =>
  nothing(`${announcements.map(newsLine).join('; ')}. ${BROUGHT_NEXT}`);

/** Waits until all targets have ended, or one needs attention; `undefined` when neither happens in time. */
async function endOf(
  context: ToolContext,
  subagents: Subagents,
  handles: readonly SubagentHandle[],
  signal: AbortSignal,
): Promise<ToolActionResult | undefined> {
  const descriptions = await Promise.all(handles.map((handle) => handle.describe()));
  const asking = [
    ...handles.filter((_, index) => descriptions[index]?.status === 'asking'),
    ...(await askingSteps(subagents, descriptions)),
  ];
  const act = (handle: SubagentHandle): Promise<TargetResult> => showUnlessPushed(context, handle);
  if (asking.length > 0) return await forEachTarget(asking, act, BOUNDS);
  const ends = Promise.all(handles.map((handle) => ended(handle, signal)));
  const needs = waitForAttention(context, subagents, descriptions, signal);
  // Either may fail after the other has won.
  needs.catch(() => undefined);
  ends.catch(() => undefined);
  const need = await Promise.race([needs, ends.then(() => undefined)]);
  if (signal.aborted) return undefined;
  if (need !== undefined) return await answerWith(context, subagents, need);
  return await forEachTarget(handles, act, BOUNDS);
}

/** The result of `show`. If the subagent's end or question is being pushed, only its status and a line that says so. */
async function showUnlessPushed({ inbox }: ToolContext, handle: SubagentHandle): Promise<TargetResult> {
  const [done, { runId }] = [await describeForTool(handle), await handle.identity()];
  const { status, since } = done.view;
  return inbox.beingPushed.some((one) => one.runId === runId && one.status === status)
    ? { view: { status, since }, lines: [BROUGHT_NEXT] }
    : done;
}

/** The asking steps of chains among the targets, without steps that are targets themselves. */
async function askingSteps(
  subagents: Subagents,
  targets: readonly SubagentDescription[],
): Promise<SubagentHandle[]> {
  const known = new Set(targets.map(({ workflowId }) => workflowId));
  const live = targets.flatMap(({ session, steps = [] }) =>
    steps
      .filter(({ status, workflowId }) => status === 'live' && !known.has(workflowId ?? ''))
      .map(({ label }) => subagents.session(session).subagent(label)),
  );
  const statuses = await Promise.all(
    // A step that is just starting may not be found yet.
    live.map(async (handle) => (await handle.describe().catch(() => undefined))?.status),
  );
  return live.filter((_, index) => statuses[index] === 'asking');
}

/** Waits for the end of a subagent; undefined when it is lost without an outcome, or the signal is aborted. */
async function ended(handle: SubagentHandle, signal: AbortSignal): Promise<Outcome | undefined> {
  try {
    return await handle.result({ signal });
  } catch (error) {
    if (signal.aborted || (error instanceof SubagentsError && error.code === 'LOST')) return undefined;
    throw error;
  }
}

/**
 * Waits for the first announcement of a target or a chain's step that is no end (a question or a stall, for example)
 * and that no answer had; undefined when the signal is aborted.
 */
async function waitForAttention(
  context: ToolContext,
  subagents: Subagents,
  targets: readonly SubagentDescription[],
  signal: AbortSignal,
): Promise<Announcement | undefined> {
  const sessions = new Set(targets.map(({ session }) => session));
  const isOfOne = (one: Announcement): boolean =>
    targets.some((target) => one.runId === target.runId || isOfStep(one, target));
  const follow = async (name: string): Promise<Announcement | undefined> => {
    const session = subagents.session(name);
    const { receiver } = context.inbox;
    for await (const next of session.announcements({ receiver, acknowledge: 'manual', signal }))
      if (isOfOne(next) && !isFinal(next.status) && !context.inbox.isDelivered(next)) return next;
    return undefined;
  };
  return await Promise.race([...sessions].map(follow));
}

/**
 * Whether the announcement is of a step of this run of a chain. A step is a subagent whose label begins with the
 * chain's.
 */
const isOfStep = (one: Announcement, { session, label, steps, startedAt }: SubagentDescription): boolean =>
  steps !== undefined &&
  one.session === session &&
  one.label.startsWith(`${label}.`) &&
  Date.parse(one.at) >= Date.parse(startedAt);

/** Reports every few seconds which subagents are pending. Errors are ignored. */
async function reportProgress(
  context: ToolContext,
  subagents: Subagents,
  signal: AbortSignal,
): Promise<void> {
  const began = Date.now();
  while (!signal.aborted) {
    await reportPending(context, subagents, began).catch(() => undefined);
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, PROGRESS_MS);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

async function reportPending(context: ToolContext, subagents: Subagents, began: number): Promise<void> {
  const { live } = await subagents.session(context.session).list({ finished: 0, progress: false });
  const names = live.slice(0, 5).map(({ label, status }) => `${label} ${status}`);
  const more = live.length > names.length ? ` and ${live.length - names.length} more` : '';
  context.progress(`waiting since ${durationText(Date.now() - began)}: ${names.join(', ')}${more}`);
}
