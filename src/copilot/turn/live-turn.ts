/** A turn that runs in Copilot: its session, the state of its events, and the messages on their way into it. */
import type {
  CopilotSession,
  PermissionRequestResult,
  SessionEvent,
  SessionHooks,
} from '@github/copilot-sdk';
import {
  countDenials,
  MAX_SUMMARY_CHARS,
  oneLine,
  type Denial,
  type Permissions,
  type ActivityProgress,
  type TurnUsage,
} from '../../contract/index.ts';
import {
  APPROVAL_FOR_SUB_AGENT,
  ASK_PARENT,
  ASKED_BY_SUB_AGENT,
  GO_ON,
  steerMarker,
} from '../../prompts/index.ts';
import type { Redactor } from '../../environment/redact.ts';
import type { UnsavedToolResults } from '../log/unsaved-tool-results.ts';
import type { AskedCalls } from './approvals.ts';
import { LiveCalls } from './live-calls.ts';
import { WorkClock } from '../../system/work-clock.ts';
import { isProgressEvent, isToolOutput, isSignOfLife, readEvent } from '../log/events.ts';
import { changeOrTimeout, ChangeSignal } from './change-signal.ts';
import { RuntimeDied, type Runtime } from '../runtime/runtime.ts';
import { turnUsageOf } from './turn-state.ts';
import type { Arrival, TurnState } from './turn-state.ts';

/** Characters of a background command in a note. */
const MAX_TASK_CHARS = 160;

const ARRIVAL_TIMEOUT_MS = 30_000;
/** Interval for checking timeouts while nothing changes, in milliseconds. */
const CHECK_INTERVAL_MS = 1_000;

/** A message that is durably in the conversation. */
export interface Delivered extends Arrival {
  /** What the subagent was doing when the message arrived. */
  readonly during: string;
  /** Whether that was interrupted for the message. */
  readonly interrupted?: boolean;
}

/** What the turn is doing, and since when (milliseconds since the epoch). */
interface Doing {
  readonly what: string;
  readonly tool: string | undefined;
  readonly since: number;
}

/** The turn was ended elsewhere, for example by a kill, while it was being resumed. */
export class TurnClosed extends Error {
  override readonly name = 'TurnClosed';
  constructor() {
    super('its Copilot session was closed');
  }
}

/** A number that increases with each turn of a Copilot session, which all runs of a label share. */
export const turnNumber = ({ run }: { run: number }, turn: number): number => run * 1_000_000 + turn;

/** One running turn. It is created before its Copilot session is open, and ends with `detach`. */
export class LiveTurn {
  readonly copilotSessionId: string;
  /** See `turnNumber`. */
  readonly number: number;
  readonly runtime: Runtime;
  readonly state: TurnState;
  readonly permissions: Permissions;
  /** Notified when anything changes that could end the turn. */
  readonly changed = new ChangeSignal();
  /** The last sign of life, in milliseconds since the epoch. */
  lastEventAt: number;
  /** When the main loop last made progress, or was last told to continue, in milliseconds since the epoch. */
  lastProgressAt = Date.now();
  /** When the main loop last reported that it is idle, in milliseconds since the epoch. */
  lastIdleAt = 0;
  /** Notes for the outcome, collected since the last result of this turn. */
  readonly notes: string[] = [];
  /** How often the model's loop has started, or failed to start. */
  #loops = 0;
  readonly #redactor: Redactor;
  readonly #asked: AskedCalls;
  /** Permission requests of Copilot's own sub-agents, by the id of the call. */
  readonly #subAgentRequests = new Map<string, string>();
  #session: CopilotSession | undefined;
  #opening: Promise<CopilotSession> | undefined;
  #started = false;
  readonly #calls: LiveCalls;
  #detached = false;
  #saving = false;
  #saveAgain = false;
  /** Connections that the network of its sandbox has refused in this turn. */
  #refusals: () => readonly Denial[] = () => [];
  readonly #ignoreDeath: () => void;
  #doing: Doing = { what: 'starting', tool: undefined, since: Date.now() };
  readonly #deliveries = new Map<string, Promise<Delivered | undefined>>();

  /** `silentSince`: the last sign of life of an earlier attempt, in milliseconds since the epoch. */
  constructor(
    options: Pick<LiveTurn, 'copilotSessionId' | 'number' | 'runtime' | 'state' | 'permissions'> & {
      readonly redactor: Redactor;
      /** Which calls wait for an approval, as the session's permission handler has judged them. */
      readonly asked: AskedCalls;
      readonly silentSince?: number;
      readonly unsavedResults: UnsavedToolResults;
      /** Whether hooks of the repository may change results after ours. */
      readonly trustRepo: boolean;
    },
  ) {
    this.#calls = new LiveCalls(options);
    this.lastEventAt = options.silentSince ?? Date.now();
    this.copilotSessionId = options.copilotSessionId;
    this.number = options.number;
    this.runtime = options.runtime;
    this.state = options.state;
    this.permissions = options.permissions;
    this.#redactor = options.redactor;
    this.#asked = options.asked;
    this.#asked.onRecord = (toolCallId) => this.#holdIfAsked(toolCallId);
    this.#ignoreDeath = this.runtime.onDeath(() => this.changed.notify());
  }

  /** The Copilot session once it is open in the runtime; undefined if it fails to open. */
  async session(): Promise<CopilotSession | undefined> {
    return this.#opening?.catch(() => undefined);
  }

  /** Whether messages are being delivered; the turn does not end before they have arrived. */
  get isDelivering(): boolean {
    return this.#deliveries.size > 0;
  }

  /** Processes an event of the session. */
  handleEvent(raw: SessionEvent): void {
    // An aborted main loop will be told to continue, which counts as progress.
    if (this.#isLoopProgress(raw) || raw.type === 'abort') this.lastProgressAt = Date.now();
    if (raw.type === 'assistant.idle' && raw.agentId === undefined) this.lastIdleAt = Date.now();
    if (raw.type === 'assistant.turn_start' || raw.type === 'session.error') this.#loops++;
    if (isSignOfLife(raw.type)) this.lastEventAt = Date.now();
    const event = readEvent(raw, this.#redactor);
    if (event === undefined) return;
    if (
      event.type === 'external_tool.requested' &&
      event.agentId !== undefined &&
      event.data.toolName === ASK_PARENT
    )
      // A dead runtime is noticed elsewhere.
      this.#rejectQuestion(event.data.requestId).catch(() => undefined);
    const completed =
      event.type === 'tool.execution_complete' && event.agentId === undefined
        ? event.data.toolCallId
        : undefined;
    if (completed !== undefined) this.#calls.recordResult(completed, this.state.openTools.get(completed));
    this.state.apply(event);
    if (event.type === 'permission.requested') {
      const { requestId, permissionRequest } = event.data;
      const { toolCallId = '' } = permissionRequest;
      if (event.agentId !== undefined) this.#subAgentRequests.set(toolCallId, requestId);
      this.#holdIfAsked(toolCallId);
    }
    const now = this.#describe();
    if (now.what !== this.#doing.what) this.#doing = { ...now, since: Date.now() };
    this.changed.notify();
    if (completed !== undefined) this.#scheduleSave();
  }

  /**
   * Hooks that the runtime waits for around each tool call. Its log lags some hundred milliseconds behind; a model that
   * was killed meanwhile would repeat a call of which the log has no trace, or whose result it had already seen.
   */
  get hooks(): SessionHooks {
    return {
      onPreToolUse: () => this.save(),
      onPostToolUse: ({ toolResult, ...call }) =>
        this.#calls.recordEnd(call, toolResult.textResultForLlm, this.state.openTools),
      onPostToolUseFailure: ({ error, ...call }) => this.#calls.recordEnd(call, error, this.state.openTools),
    };
  }

  /** Counts the connections that `refusals` gives as denied. */
  countRefusals(refusals: () => readonly Denial[]): void {
    this.#refusals = refusals;
  }

  /**
   * Attaches the Copilot session. The turn may be ended before the session is open.
   * @throws TurnClosed, and the error with which opening failed
   */
  async attach(opening: Promise<CopilotSession>): Promise<void> {
    this.#opening = opening;
    const session = await opening;
    if (this.#detached) throw new TurnClosed();
    this.#session = session;
  }

  /** The turn is in the conversation: from now on steers are accepted. */
  markStarted(): void {
    this.#started = true;
    this.changed.notify();
  }

  /**
   * Sends a message of ours whose first line is `marker`. Settles when the message is durably in the conversation, or
   * when the session fails before (for example without a login), which ends the turn.
   */
  async send(marker: string, text: string): Promise<void> {
    const { error } = this.state;
    const before = this.state.arrivals.get(marker);
    const arrived = (): boolean => this.state.arrivals.get(marker) !== before;
    await this.runtime.request(this.#requireSession().send({ prompt: `${marker}\n${text}` }));
    await this.#waitUntil(() => arrived() || this.state.error !== error, 'a message');
    if (arrived()) await this.save();
  }

  /**
   * Lets the model continue without a new message; settles once it does. If background commands run, or their end was
   * just reported, the runtime continues only with a message, so one is sent.
   */
  async continueModel(): Promise<void> {
    const { isLoopIdle, isSessionIdle, shells } = this.state;
    const besideBackground = (isLoopIdle && !isSessionIdle) || shells.size > 0;
    this.state.markResumed();
    this.lastProgressAt = Date.now();
    const before = this.#loops;
    const session = this.#requireSession();
    if (besideBackground) await this.runtime.request(session.send({ prompt: GO_ON, mode: 'immediate' }));
    else await this.runtime.request(session.rpc.sendMessages({ messages: [] }));
    // A steer that arrives before the loop runs would wait until the loop has ended.
    await this.#waitUntil(() => this.#loops > before, 'the request to continue');
  }

  /** Answers a call of `ask_parent`; settles when the answer is durably in the conversation. */
  async answer(requestId: string, text: string): Promise<void> {
    const { tools } = this.#requireSession().rpc;
    this.state.markResumed();
    await this.runtime.request(tools.handlePendingToolCall({ requestId, result: text }));
    // The call's success is not enough: the runtime ignores a second answer to the same request.
    await this.#waitUntil(() => this.state.deliveredAnswers.has(requestId), 'an answer');
    await this.save();
  }

  /**
   * Answers a permission request that an earlier turn or attempt left open; settles when the answer is durably in the
   * conversation. An approved call begins only after that.
   */
  async permit(requestId: string, result: PermissionRequestResult): Promise<void> {
    if (result.kind === 'no-result') return;
    const { permissions } = this.#requireSession().rpc;
    this.state.markResumed();
    await this.runtime.request(permissions.handlePendingPermissionRequest({ requestId, result }));
    // The call's success is not enough: the runtime ignores a second answer to the same request.
    await this.#waitUntil(() => this.state.answeredPermissions.has(requestId), 'a decision');
    await this.save();
  }

  /** Puts a message into the conversation, behind the calls that are open there. Does not wait for it to arrive. */
  async sendBehindOpenCalls(marker: string, text: string): Promise<void> {
    // From this source, a message does not move a running shell into the background.
    const sent = this.#requireSession().send({
      prompt: `${marker}\n${text}`,
      mode: 'immediate',
      source: 'system',
    });
    await this.runtime.request(sent);
  }

  /**
   * Interrupts a hung model call and running tools. Queued messages are kept. Returns whether anything was interrupted.
   */
  async interrupt(): Promise<boolean> {
    const { interrupted } = await this.runtime.request(
      this.#requireSession().rpc.interruptMainTurn({ flushQueued: true }),
    );
    return interrupted;
  }

  /** Has the model summarize the conversation to shorten it. Returns whether that worked. */
  async compact(): Promise<boolean> {
    try {
      const compacted = this.#requireSession().rpc.history.compact({});
      const { success, messagesRemoved } = await this.runtime.request(compacted, { asksModel: true });
      return success && messagesRemoved > 0;
    } catch (error) {
      if (error instanceof RuntimeDied) throw error;
      return false; // there is nothing to sum up, or the model failed at that too
    }
  }

  /** Ends the commands and sub-agents that run in the background. Returns their descriptions. */
  async endBackground(): Promise<string[]> {
    const { tasks } = this.#requireSession().rpc;
    const { tasks: all } = await this.runtime.request(tasks.list());
    const running = all.filter(({ status }) => status === 'running');
    await this.runtime.request(Promise.all(running.map(({ id }) => tasks.cancel({ id }))));
    return running.map((task) =>
      oneLine('command' in task ? task.command : task.description, MAX_TASK_CHARS),
    );
  }

  /** Whether the turn was ended here (see `detach`), by any caller. */
  get isDetached(): boolean {
    return this.#detached;
  }

  /** Ends the turn here; pending deliveries are returned as not delivered. */
  detach(): void {
    this.#detached = true;
    this.#ignoreDeath();
    this.changed.notify();
  }

  /** Makes all events so far durable; they reach us before they reach the disk. */
  async save(): Promise<void> {
    const { client } = this.runtime;
    await this.runtime.request(client.rpc.sessions.save({ sessionId: this.copilotSessionId }));
  }

  /** Lets the permission request of a call wait for an approval, once it is known and was judged so. */
  #holdIfAsked(toolCallId: string): void {
    const ofSubAgent = this.#subAgentRequests.get(toolCallId);
    const requestId = ofSubAgent ?? this.state.permissionRequestOf(toolCallId);
    if (requestId === undefined) return;
    const call = this.#asked.take(toolCallId);
    if (call === undefined) return;
    if (ofSubAgent === undefined) this.state.holdForApproval(requestId, call);
    // A sub-agent does not survive the wait. A dead runtime is noticed elsewhere.
    else this.#rejectForSubAgent(requestId).catch(() => undefined);
    this.changed.notify();
  }

  async #rejectForSubAgent(requestId: string): Promise<void> {
    const session = await this.session();
    if (session === undefined) return;
    const result = { kind: 'reject', feedback: APPROVAL_FOR_SUB_AGENT } as const;
    await this.runtime.request(session.rpc.permissions.handlePendingPermissionRequest({ requestId, result }));
  }

  /** Answers a question of one of Copilot's own sub-agents, which would otherwise wait forever. */
  async #rejectQuestion(requestId: string): Promise<void> {
    const session = await this.session();
    if (session === undefined) return;
    const result = { resultType: 'failure', textResultForLlm: ASKED_BY_SUB_AGENT };
    await this.runtime.request(session.rpc.tools.handlePendingToolCall({ requestId, result }));
  }

  /** Whether an event shows progress of the main loop. Background output and Copilot's own sub-agents do not count. */
  #isLoopProgress(raw: SessionEvent): boolean {
    if (raw.agentId !== undefined || !isProgressEvent(raw.type)) return false;
    const output = isToolOutput(raw.type) && 'toolCallId' in raw.data ? raw.data.toolCallId : undefined;
    return output === undefined || this.state.openTools.has(output);
  }

  /** Saves the events so far. Calls during a save are merged into one further save. */
  #scheduleSave(): void {
    this.#saveAgain = this.#saving;
    if (this.#saving) return;
    this.#saving = true;
    const inLog = this.#calls.callsToSave();
    void this.save()
      .then(() => this.#calls.markSaved(inLog))
      .catch(() => undefined) // a dead runtime is noticed elsewhere
      .finally(() => {
        this.#saving = false;
        if (this.#saveAgain) this.#scheduleSave();
      });
  }

  /** Usage and denials since the turn began. */
  get turnUsage(): TurnUsage {
    return turnUsageOf(this.state, this.permissions, this.#refusals());
  }

  get progress(): ActivityProgress {
    const { state } = this;
    const denied = countDenials([...state.denials.list(this.permissions), ...this.#refusals()]);
    return {
      doing: this.#doing.what,
      ...(this.#doing.tool !== undefined && { tool: this.#doing.tool }),
      since: new Date(this.#doing.since).toISOString(),
      lastEventAt: new Date(this.lastEventAt).toISOString(),
      ...(state.lastMessage !== undefined && { lastMessage: oneLine(state.lastMessage, MAX_SUMMARY_CHARS) }),
      ...(state.model !== undefined && { model: state.model }),
      usage: state.usage,
      ...(denied > 0 && { denied }),
    };
  }

  /**
   * Delivers a steer exactly once: one that is already in the conversation is not sent again. Returns `undefined` if
   * the turn ended before.
   * @param options `interrupt`: stop the running tool or model call first
   */
  deliver(
    steerId: string,
    message: string,
    { interrupt = false }: { interrupt?: boolean } = {},
  ): Promise<Delivered | undefined> {
    const underWay = this.#deliveries.get(steerId);
    if (underWay !== undefined) return underWay;
    const delivery = this.#sendSteer(steerMarker(steerId), message, interrupt).finally(() => {
      this.#deliveries.delete(steerId);
      this.changed.notify();
    });
    this.#deliveries.set(steerId, delivery);
    return delivery;
  }

  async #sendSteer(marker: string, message: string, interrupt: boolean): Promise<Delivered | undefined> {
    if (!(await this.#until(() => this.#started)) || this.#detached) return undefined;
    const during = this.progress.doing;
    let interrupted = false;
    if (!this.state.arrivals.has(marker)) {
      const tools = [...this.state.openTools.values()];
      // A resting loop has nothing to stop, and a queued message would wait for the background work.
      const stop = interrupt && !this.state.isLoopIdle;
      const mode = stop ? 'enqueue' : 'immediate';
      await this.runtime.request(this.#requireSession().send({ prompt: `${marker}\n${message}`, mode }));
      // The message is on its way, even if the interruption fails.
      if (stop) interrupted = await this.interrupt().catch(unlessDead(false));
      if (interrupted) this.notes.push(...tools.map(({ what }) => `\`${what}\` was stopped by a message`));
      if (!(await this.#until(() => this.state.arrivals.has(marker)))) return undefined;
    }
    await this.save().catch(unlessDead(undefined));
    const arrival = this.state.arrivals.get(marker);
    return arrival && { ...arrival, during, interrupted };
  }

  #requireSession(): CopilotSession {
    if (this.#detached) throw new TurnClosed();
    if (this.#session === undefined) throw new Error('the Copilot session is not open yet');
    return this.#session;
  }

  /**
   * Waits for something that the runtime does within milliseconds. Throws if the turn ends first, or if it takes too
   * long.
   */
  async #waitUntil(condition: () => boolean, what: string): Promise<void> {
    const waiting = new WorkClock();
    if (await this.#until(condition, () => waiting.workedMs >= ARRIVAL_TIMEOUT_MS)) return;
    if (this.#detached) throw new TurnClosed();
    if (this.runtime.death !== undefined) throw new RuntimeDied(this.runtime.death.message);
    throw new Error(`the Copilot runtime accepted ${what} but did not process it`);
  }

  /** Whether `condition` became true before the turn ended or `late` returned true. */
  async #until(condition: () => boolean, late = (): boolean => false): Promise<boolean> {
    while (!condition()) {
      if (this.#detached || this.runtime.death !== undefined || late()) return false;
      await changeOrTimeout(this.changed, CHECK_INTERVAL_MS);
    }
    return true;
  }

  #describe(): Omit<Doing, 'since'> {
    const { state } = this;
    if (state.isWaitingForAnswers && state.approvals.length > 0)
      return { what: 'waiting for an approval', tool: undefined };
    const tools = [...state.openTools.values()];
    const newest = tools.at(-1);
    if (newest !== undefined) {
      const more = tools.length > 1 ? ` (and ${tools.length - 1} more)` : '';
      return { what: newest.what + more, tool: newest.name };
    }
    if (state.questions.length > 0) return { what: 'asking its main agent', tool: undefined };
    if (state.isLoopRunning) return { what: 'thinking', tool: undefined };
    const shell = [...state.shells.values()].at(-1);
    if (shell !== undefined) return { what: `waiting for ${shell}`, tool: undefined };
    return { what: 'finishing', tool: undefined };
  }
}

/** Replaces an error of a call with `instead`; rethrows RuntimeDied and TurnClosed. */
const unlessDead =
  <T>(instead: T) =>
  (error: unknown): T => {
    if (error instanceof RuntimeDied || error instanceof TurnClosed) throw error;
    return instead;
  };
