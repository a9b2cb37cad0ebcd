/** The main agent's durable side: parent of its subagents, memory of what it was told, outbox of what it was not. */
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  getExternalWorkflowHandle,
  isCancellation,
  patched,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import {
  acknowledgeSignal,
  announceSignal,
  DEFAULT_RECEIVER,
  endedSignal,
  SESSION,
  startedSignal,
  type AcknowledgeSignal,
  type AnnounceSignal,
  type ChainRequest,
  type EndedSignal,
  type SessionEntry,
  type SessionList,
  type SpawnAnswer,
  type SpawnRequest,
  type StartedSignal,
  type UnacknowledgedView,
} from '../src/contract/index.ts';
import { anyWorker, anyWorkerSoon } from './activity-calls.ts';
import { ChainStarter } from './chain-starter.ts';
import { Labels } from './labels.ts';
import { sessionPanel } from './session-panel.ts';
import { acknowledge, countUnacknowledged, post, unacknowledged } from './outbox.ts';
import { release, spill } from './pages.ts';
import { adopt, emptySession, find, recordEnd, recordStart, type SessionState } from './session-state.ts';
import { Spawner } from './spawner.ts';
import { Starts } from './starts.ts';

export interface SessionInput {
  readonly name: string;
  readonly state?: SessionState;
}

const spawn = defineUpdate<SpawnAnswer[], [SpawnRequest]>(SESSION.spawn);
const chain = defineUpdate<SpawnAnswer, [ChainRequest]>(SESSION.chain);
const started = defineSignal<[StartedSignal]>(SESSION.started);
const ended = defineSignal<[EndedSignal]>(SESSION.ended);
const announced = defineSignal<[AnnounceSignal]>(SESSION.announce);
const acknowledged = defineSignal<[AcknowledgeSignal]>(SESSION.acknowledge);
const rollOver = defineSignal(SESSION.rollOver);
const unacknowledgedQuery = defineQuery<UnacknowledgedView, [string, number?]>(SESSION.unacknowledged);
const list = defineQuery<SessionList, [{ finished: number }]>(SESSION.list);
const findQuery = defineQuery<SessionEntry | null, [{ label: string; run?: number }]>(SESSION.find);

/** Events after which a run of the session is continued as new, well under the server's warning at 10,240. */
const MAX_HISTORY = 5_000;

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
  // Anybody may signal: what does not fit its schema is left out.
  setHandler(started, (signal) => {
    const told = startedSignal.safeParse(signal);
    if (!told.success) return;
    recordStart(state, told.data.entry);
    show();
  });
  setHandler(ended, (signal) => {
    const told = endedSignal.safeParse(signal);
    if (!told.success) return;
    recordEnd(state, told.data);
    show();
  });
  setHandler(announced, (signal) => {
    const told = announceSignal.safeParse(signal);
    if (told.success) post(state, told.data.announcement);
  });
  setHandler(acknowledged, async (signal) => {
    const told = acknowledgeSignal.safeParse(signal);
    if (told.success) await release(acknowledge(state, told.data));
  });
  setHandler(rollOver, () => void (rollOverAsked = true));
  setHandler(unacknowledgedQuery, (receiver, after) => ({
    ...unacknowledged(state, receiver, after),
    runId: workflowInfo().runId,
    historyLength: workflowInfo().historyLength,
  }));
  setHandler(list, ({ finished }) => ({
    session: name,
    live: Object.values(state.live),
    finished: finished > 0 ? state.finished.slice(-finished).reverse() : [],
    finishedCount: state.finishedCount,
    unacknowledged: countUnacknowledged(state, DEFAULT_RECEIVER),
  }));
  setHandler(findQuery, ({ label, run }) => find(state, label, run));

  show();
  const inherited = Object.values(state.live);
  if (inherited.length > 0) void watch(inherited);
  // Sessions of before did not look; one that is continued as new has what it had.
  if (input.state === undefined && patched('adopt-orphans')) {
    starts.ready = adoptOrphans();
  }
  const isFull = (): boolean =>
    rollOverAsked || workflowInfo().continueAsNewSuggested || workflowInfo().historyLength > MAX_HISTORY;
  try {
    await condition(() => isFull() && allHandlersFinished());
    await spill(name, state);
    await condition(() => allHandlersFinished());
  } catch (error) {
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => killAll());
    throw error;
  }
  await continueAsNew<typeof session>({ name, state });

  /** Hears of children that end without a word (terminated, timed out, a signal that was lost): an activity looks, and signals `ended` in their name. */
  async function watch(children: SessionEntry[]): Promise<void> {
    try {
      await anyWorker.watchChildren.executeWithOptions({ summary: `watches ${children.length} subagents` }, [
        { session: name, children },
      ]);
    } catch (error) {
      if (!isCancellation(error)) throw error;
    }
  }

  /** What an earlier session of this name has left (it was terminated, say) is this one's now. */
  async function adoptOrphans(): Promise<void> {
    const before = workflowInfo().startTime.toISOString();
    try {
      const summary = 'looks for subagents of an earlier session of this name';
      const found = await anyWorkerSoon.findOrphans.executeWithOptions({ summary }, [
        { session: name, before },
      ]);
      adopt(state, found);
      if (found.length > 0) void watch(found);
      show();
    } catch {
      // Nobody could look, or the session is being ended: they stay as they are.
    }
  }

  /** Children are started to outlive their parent's run, so they are cancelled by id; the session ends after the last of them. */
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
    await release(state.pages ?? []);
  }
}
