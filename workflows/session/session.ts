/** The durable side of a main agent: parent of its subagents, its memory, and its outbox of announcements. */
import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  defineQuery,
  defineUpdate,
  getExternalWorkflowHandle,
  isCancellation,
  makeContinueAsNewFunc,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { z } from 'zod';
import {
  acknowledgeSignal,
  announceSignal,
  validate,
  cleanedSignal,
  mergedSignal,
  endedSignal,
  findQuery as findArguments,
  handoverQuery as handoverArguments,
  firstProblem,
  listQuery as listArguments,
  SESSION,
  startedSignal,
  unacknowledgedQuery as unacknowledgedArguments,
  type ChainRequest,
  type HandoverView,
  type SessionEntry,
  type SessionList,
  type SpawnAnswer,
  type SpawnRequest,
  type UnacknowledgedView,
} from '../../src/contract/index.ts';
import { anyWorkerCalls, anyWorkerUrgentCalls } from '../shared/activity-calls.ts';
import { ChainStarter } from './chain-starter.ts';
import { Labels } from './labels.ts';
import { countIgnoredSignal } from '../shared/ignored-signals.ts';
import { sessionPanel } from './session-panel.ts';
import { recordAcknowledgement, post, unacknowledged } from './outbox.ts';
import { noticeOf, release, archiveOverflow } from './pages.ts';
import {
  adoptOrphans,
  emptySession,
  find,
  handover,
  listOf,
  recordCleaned,
  recordEnd,
  recordMerged,
  recordStart,
  type SessionState,
} from './session-state.ts';
import { auditNow, senderOfMessage } from '../shared/sender.ts';
import { handleSignals, handleWithoutArgument, handleWithArgument } from '../shared/signals.ts';
import { Spawner } from './spawner.ts';
import { Starts } from './starts.ts';

interface SessionInput {
  readonly name: string;
  readonly state?: SessionState;
  /** Whether the state is from a session that was terminated, so that subagents started since must be looked for. */
  readonly succeeds?: boolean;
}

const spawn = defineUpdate<SpawnAnswer[], [SpawnRequest]>(SESSION.spawn);
const chain = defineUpdate<SpawnAnswer, [ChainRequest]>(SESSION.chain);
const unacknowledgedQuery = defineQuery<UnacknowledgedView, [string, number?]>(SESSION.unacknowledged);
const list = defineQuery<SessionList, [{ finished: number }]>(SESSION.list);
const handoverQuery = defineQuery<HandoverView, [number]>(SESSION.handover);
const findQuery = defineQuery<SessionEntry | null, [{ label: string; run?: number }]>(SESSION.find);

/** Events after which a session is continued as new, well below the server's warning at 10,240. */
const MAX_HISTORY = 5_000;
/** How long a cancelled session waits for its receivers to acknowledge the last announcements. */
const LAST_ACKNOWLEDGEMENT_MS = 2_000;

export async function session(input: SessionInput): Promise<void> {
  const { name } = input;
  const state = input.state ?? emptySession();
  let rollOverAsked = false;
  const show = (): void => setCurrentDetails(sessionPanel(name, state));
  const on = { watch: (child: SessionEntry) => void watch([child]), changed: show };
  const starts = new Starts(name, state, on);
  const labels = new Labels(name, state);
  const spawner = new Spawner(name, state, starts, labels);
  const chains = new ChainStarter(name, state, starts, labels);

  setHandler(spawn, (request: SpawnRequest) => spawner.spawn(request), {
    validator: (request: SpawnRequest) => void spawner.parse(request),
  });
  setHandler(chain, (request: ChainRequest) => chains.start(request), {
    validator: (request: ChainRequest) => void chains.parse(request),
  });
  setHandler(unacknowledgedQuery, (...given) => {
    const [receiver, after] = parseArgument(unacknowledgedArguments, given);
    return {
      ...unacknowledged(state, receiver, after),
      runId: workflowInfo().runId,
      historyLength: workflowInfo().historyLength,
    };
  });
  setHandler(list, (given) => listOf(name, state, parseArgument(listArguments, given).finished));
  setHandler(handoverQuery, (given) =>
    handover(state, parseArgument(handoverArguments, given), noticeOf(name)),
  );
  setHandler(findQuery, (given) => {
    const { label, run } = parseArgument(findArguments, given);
    return find(state, label, run);
  });
  const leaveOut = (name: string, why: string): void => {
    state.leftOut = countIgnoredSignal(state.leftOut, name, why);
  };
  handleSignals(leaveOut, {
    [SESSION.started]: handleWithArgument(startedSignal, ({ entry }) => {
      recordStart(state, entry);
      show();
    }),
    [SESSION.ended]: handleWithArgument(endedSignal, (told) => {
      recordEnd(state, told);
      show();
    }),
    [SESSION.cleaned]: handleWithArgument(cleanedSignal, (told) => recordCleaned(state, told)),
    [SESSION.merged]: handleWithArgument(mergedSignal, (run) =>
      recordMerged(state, run, auditNow('merge', senderOfMessage())),
    ),
    [SESSION.announce]: handleWithArgument(announceSignal, ({ announcement }) => post(state, announcement)),
    [SESSION.acknowledge]: handleWithArgument(acknowledgeSignal, (told) =>
      release(recordAcknowledgement(state, told)),
    ),
    [SESSION.rollOver]: handleWithoutArgument(() => void (rollOverAsked = true)),
  });

  show();
  const inherited = Object.values(state.live);
  if (inherited.length > 0) void watch(inherited);
  // A session that is continued as new already knows its subagents.
  if (input.state === undefined || input.succeeds === true) starts.ready = adoptEarlier();
  const isFull = (): boolean =>
    rollOverAsked || workflowInfo().continueAsNewSuggested || workflowInfo().historyLength > MAX_HISTORY;
  try {
    await condition(() => isFull() && allHandlersFinished());
    await archiveOverflow(name, state);
    await condition(() => allHandlersFinished());
  } catch (error) {
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => killAll());
    throw error;
  }
  // The memo is written anew, too: the server would carry it along under the key that it had.
  await makeContinueAsNewFunc<typeof session>({ memo: { session: name } })({ name, state });

  /**
   * Has an activity watch children that may close without a signal (terminated, timed out, signal lost); it then
   * signals `ended` for them.
   */
  async function watch(children: SessionEntry[]): Promise<void> {
    try {
      await anyWorkerCalls.watchChildren.executeWithOptions(
        { summary: `watch ${children.length} subagents` },
        [{ session: name, children }],
      );
    } catch (error) {
      if (!isCancellation(error)) throw error;
    }
  }

  /** Adopts the subagents that an earlier session of this name (terminated, for example) has left. */
  async function adoptEarlier(): Promise<void> {
    const before = workflowInfo().startTime.toISOString();
    try {
      const summary = 'find live subagents of an earlier session with this name';
      const found = await anyWorkerUrgentCalls.findOrphans.executeWithOptions({ summary }, [
        { session: name, before },
      ]);
      const adopted = adoptOrphans(state, found);
      if (adopted.length > 0) void watch(adopted);
      show();
    } catch {
      // No worker could look, or the session is ending: the subagents stay as they are.
    }
  }

  /**
   * Cancels the children by id, because they outlive their parent's run, and waits until the last of them has ended.
   */
  async function killAll(): Promise<void> {
    starts.closed = true;
    await condition(() => allHandlersFinished());
    await Promise.all(
      Object.values(state.live).map((child) =>
        getExternalWorkflowHandle(child.workflowId)
          .cancel()
          .catch(() => undefined),
      ),
    );
    await watch(Object.values(state.live));
    await condition(() => Object.keys(state.live).length === 0);
    // Receivers cannot acknowledge the last announcements after the session has closed.
    await condition(() => state.outbox.length === 0, LAST_ACKNOWLEDGEMENT_MS);
  }
}

/** The arguments of a Query, parsed by their schema. */
function parseArgument<T extends z.ZodType>(schema: T, given: unknown): z.output<T> {
  const parsed = validate(schema, given);
  if (parsed.success) return parsed.data;
  throw ApplicationFailure.nonRetryable(firstProblem(parsed.error), 'BAD_INPUT');
}
