/** A turn that runs in Copilot now: its session, what its events say, and the messages on their way into it. */
import type { CopilotSession, SessionEvent, SessionHooks } from '@github/copilot-sdk';
import {
  countDenials,
  MAX_SUMMARY_CHARS,
  oneLine,
  steerMarker,
  type Permissions,
  type ActivityProgress,
  type Spent,
} from '../../contract/index.ts';
import type { Redactor } from '../../environment/redact.ts';
import type { UnsavedToolResults } from '../log/unsaved-tool-results.ts';
import { LiveCalls } from './live-calls.ts';
import { WorkClock } from '../../system/work-clock.ts';
import { ASK_PARENT, isMovement, isOutput, isSignOfLife, readEvent } from '../log/events.ts';
import { changeOrTimeout, ChangeSignal } from './change-signal.ts';
import { RuntimeDied, type Runtime } from '../runtime/runtime.ts';
import { spentIn } from './spent.ts';
import type { Arrival, TurnState } from './turn-state.ts';

/** Of a background command, in a note. */
const MAX_TASK_CHARS = 160;

const ARRIVAL_TIMEOUT_MS = 30_000;
/** How often the clock is looked at while nothing comes, in milliseconds. */
const LOOK_MS = 1_000;

/** Said to a model whose call came to nothing; the runtime drops the news of a command that ended meanwhile. */
const GO_ON =
  'Your last answer did not arrive. What you started in the background was not stopped, and may have ended by itself meanwhile: look before you wait for it. Go on.';

/** What one of Copilot's own sub-agents hears that calls `ask_parent`: the runtime offers them the tool too. */
const NOT_YOURS =
  'Only the main agent loop can ask. Say in your result what you need to know, and what you found out already.';

/** A message that is in the conversation, durably. */
export interface Delivered extends Arrival {
  /** What the subagent did when it came. */
  readonly during: string;
  /** Whether that was stopped for it. */
  readonly interrupted?: boolean;
}

/** What is being done, since when. */
interface Doing {
  readonly what: string;
  readonly tool: string | undefined;
  readonly since: number;
}

/** The turn was ended by others, as by a kill, while it was still being taken up. */
export class TurnOver extends Error {
  override readonly name = 'TurnOver';
  constructor() {
    super('its Copilot session was closed');
  }
}

/** Runs of a label share their Copilot session: a number that is higher for each later turn of it. */
export const turnNumber = ({ run }: { run: number }, turn: number): number => run * 1_000_000 + turn;

export class LiveTurn {
  readonly copilotSessionId: string;
  /** See `turnNumber`. */
  readonly number: number;
  readonly runtime: Runtime;
  readonly state: TurnState;
  readonly permissions: Permissions;
  /** Beats when anything changes that could end the turn. */
  readonly changed = new ChangeSignal();
  /** The last sign of life, in milliseconds since the epoch. */
  lastEventAt: number;
  /** The last movement of the main loop, or when it was last told to move. */
  lastMovementAt = Date.now();
  /** When the main loop last said that it rests. */
  restedAt = 0;
  /** Notes for the outcome that were given with an earlier result of this turn are not given again. */
  readonly notes: string[] = [];
  /** How often the model's loop has begun, or failed to. */
  #loops = 0;
  readonly #redactor: Redactor;
  #session: CopilotSession | undefined;
  #opening: Promise<CopilotSession> | undefined;
  #opened = false;
  readonly #calls: LiveCalls;
  #left = false;
  #saving = false;
  #saveAgain = false;
  readonly #ignoreDeath: () => void;
  #doing: Doing = { what: 'starting', tool: undefined, since: Date.now() };
  readonly #deliveries = new Map<string, Promise<Delivered | undefined>>();

  /** `silentSince`: the last sign of life of an attempt before, in milliseconds since the epoch. */
  constructor(
    of: Pick<LiveTurn, 'copilotSessionId' | 'number' | 'runtime' | 'state' | 'permissions'> & {
      readonly redactor: Redactor;
      readonly silentSince?: number;
      readonly kept: UnsavedToolResults;
      /** Whether hooks of the repository's may change results after us. */
      readonly trustRepo: boolean;
    },
  ) {
    this.#calls = new LiveCalls(of);
    this.lastEventAt = of.silentSince ?? Date.now();
    this.copilotSessionId = of.copilotSessionId;
    this.number = of.number;
    this.runtime = of.runtime;
    this.state = of.state;
    this.permissions = of.permissions;
    this.#redactor = of.redactor;
    this.#ignoreDeath = this.runtime.onDeath(() => this.changed.notify());
  }

  /** Settles with its Copilot session once that is open in the runtime, with nothing when it does not open. */
  async session(): Promise<CopilotSession | undefined> {
    return this.#opening?.catch(() => undefined);
  }

  /** Whether messages are on their way into it: it does not end before they are in. */
  get receiving(): boolean {
    return this.#deliveries.size > 0;
  }

  /** Takes an event of the session. */
  take(raw: SessionEvent): void {
    // A main loop that was interrupted is told to move.
    if (this.#moves(raw) || raw.type === 'abort') this.lastMovementAt = Date.now();
    if (raw.type === 'assistant.idle' && raw.agentId === undefined) this.restedAt = Date.now();
    if (raw.type === 'assistant.turn_start' || raw.type === 'session.error') this.#loops++;
    if (isSignOfLife(raw.type)) this.lastEventAt = Date.now();
    const event = readEvent(raw, this.#redactor);
    if (event === undefined) return;
    if (
      event.type === 'external_tool.requested' &&
      event.agentId !== undefined &&
      event.data.toolName === ASK_PARENT
    )
      // A dead runtime shows elsewhere.
      this.#refuse(event.data.requestId).catch(() => undefined);
    const completed =
      event.type === 'tool.execution_complete' && event.agentId === undefined
        ? event.data.toolCallId
        : undefined;
    if (completed !== undefined) this.#calls.completed(completed, this.state.openTools.get(completed));
    this.state.apply(event);
    const now = this.#describe();
    if (now.what !== this.#doing.what) this.#doing = { ...now, since: Date.now() };
    this.changed.notify();
    if (completed !== undefined) this.#saveSoon();
  }

  /**
   * What the runtime waits for around each tool call. Else its log is some hundred milliseconds behind, and a model that
   * was killed in between would do again what it does not know that it did, or what it was shown the result of.
   */
  get hooks(): SessionHooks {
    return {
      onPreToolUse: () => this.save(),
      onPostToolUse: ({ toolResult, ...call }) =>
        this.#calls.ended(call, toolResult.textResultForLlm, this.state.openTools),
      onPostToolUseFailure: ({ error, ...call }) => this.#calls.ended(call, error, this.state.openTools),
    };
  }

  /**
   * Gives it its Copilot session, which may be closed before it is open.
   * @throws TurnOver, and what opening it failed with
   */
  async hold(opening: Promise<CopilotSession>): Promise<void> {
    this.#opening = opening;
    const session = await opening;
    if (this.#left) throw new TurnOver();
    this.#session = session;
  }

  /** The turn is in the conversation: from now on steers may come. */
  open(): void {
    this.#opened = true;
    this.changed.notify();
  }

  /**
   * Sends a message of ours whose first line is `marker`; settles when it is in the conversation, durably, or the session
   * fails before (as it does without a login): that ends the turn then.
   */
  async say(marker: string, text: string): Promise<void> {
    const { error } = this.state;
    const before = this.state.arrivals.get(marker);
    const arrived = (): boolean => this.state.arrivals.get(marker) !== before;
    await this.runtime.ask(this.#held().send({ prompt: `${marker}\n${text}` }));
    await this.#mustBecome(() => arrived() || this.state.error !== error, 'a message');
    if (arrived()) await this.save();
  }

  /**
   * Lets the model go on where the conversation stands, without a new message; settles when it does. Beside something in the
   * background, or the news that it ended, the runtime begins nothing without one: then it gets one.
   */
  async goOn(): Promise<void> {
    const { resting, idle, shells } = this.state;
    const besideBackground = (resting && !idle) || shells.size > 0;
    this.state.resume();
    this.lastMovementAt = Date.now();
    const before = this.#loops;
    const session = this.#held();
    if (besideBackground) await this.runtime.ask(session.send({ prompt: GO_ON, mode: 'immediate' }));
    else await this.runtime.ask(session.rpc.sendMessages({ messages: [] }));
    // A steer that reached Copilot before its loop runs would wait until that has ended.
    await this.#mustBecome(() => this.#loops > before, 'the word to go on');
  }

  /** Answers a call of `ask_parent`; settles when the answer is in the conversation, durably. */
  async answer(requestId: string, text: string): Promise<void> {
    const { tools } = this.#held().rpc;
    this.state.resume();
    await this.runtime.ask(tools.handlePendingToolCall({ requestId, result: text }));
    // Its word on success says too little: an answer that was given before counts as none.
    await this.#mustBecome(() => this.state.answered.has(requestId), 'an answer');
    await this.save();
  }

  /** Ends a model call that hangs, and whatever tools run. Messages that wait are kept. Returns whether there was anything to end. */
  async interrupt(): Promise<boolean> {
    const { interrupted } = await this.runtime.ask(this.#held().rpc.interruptMainTurn({ flushQueued: true }));
    return interrupted;
  }

  /** Lets the model sum up the conversation, so that it becomes short enough. Returns whether that was possible. */
  async compact(): Promise<boolean> {
    try {
      const compacted = this.#held().rpc.history.compact({});
      const { success, messagesRemoved } = await this.runtime.ask(compacted, { asksModel: true });
      return success && messagesRemoved > 0;
    } catch (error) {
      if (error instanceof RuntimeDied) throw error;
      return false; // there is nothing to sum up, or the model failed at that too
    }
  }

  /** Ends the commands and sub-agents that run in the background. Returns what they were. */
  async endBackground(): Promise<string[]> {
    const { tasks } = this.#held().rpc;
    const { tasks: all } = await this.runtime.ask(tasks.list());
    const running = all.filter(({ status }) => status === 'running');
    await this.runtime.ask(Promise.all(running.map(({ id }) => tasks.cancel({ id }))));
    return running.map((task) =>
      oneLine('command' in task ? task.command : task.description, MAX_TASK_CHARS),
    );
  }

  /** Whether it was ended here, by whomever. */
  get over(): boolean {
    return this.#left;
  }

  /** The turn is over here, or given up: what was on its way comes back as not delivered. */
  leave(): void {
    this.#left = true;
    this.#ignoreDeath();
    this.changed.notify();
  }

  /** Makes everything durable that came so far. Events reach us before they reach the disk. */
  async save(): Promise<void> {
    const { client } = this.runtime;
    await this.runtime.ask(client.rpc.sessions.save({ sessionId: this.copilotSessionId }));
  }

  /** Answers a question of one of Copilot's own sub-agents, which would wait for ever. */
  async #refuse(requestId: string): Promise<void> {
    const session = await this.session();
    if (session === undefined) return;
    const result = { resultType: 'failure', textResultForLlm: NOT_YOURS };
    await this.runtime.ask(session.rpc.tools.handlePendingToolCall({ requestId, result }));
  }

  /** Whether the main loop moves. What prints in the background, and Copilot's own sub-agents, move without it. */
  #moves(raw: SessionEvent): boolean {
    if (raw.agentId !== undefined || !isMovement(raw.type)) return false;
    const output = isOutput(raw.type) && 'toolCallId' in raw.data ? raw.data.toolCallId : undefined;
    return output === undefined || this.state.openTools.has(output);
  }

  /** Saves what came until the call, once for all that comes while a save is under way. */
  #saveSoon(): void {
    this.#saveAgain = this.#saving;
    if (this.#saving) return;
    this.#saving = true;
    const inLog = this.#calls.toBeSaved();
    void this.save()
      .then(() => this.#calls.saved(inLog))
      .catch(() => undefined) // a dead runtime shows elsewhere
      .finally(() => {
        this.#saving = false;
        if (this.#saveAgain) this.#saveSoon();
      });
  }

  /** What it used, and what was denied to it, since it began. */
  get spent(): Spent {
    return spentIn(this.state, this.permissions);
  }

  get progress(): ActivityProgress {
    const { state } = this;
    const denied = countDenials(state.denials.list(this.permissions));
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
   * Brings a steer into the conversation, once whatever happens: a steer that is in it already is not sent again.
   * `undefined` when the turn ended before it was in. `interrupt`: the running tool or model call is stopped first.
   */
  deliver(
    steerId: string,
    message: string,
    { interrupt = false }: { interrupt?: boolean } = {},
  ): Promise<Delivered | undefined> {
    const underWay = this.#deliveries.get(steerId);
    if (underWay !== undefined) return underWay;
    const delivery = this.#bringIn(steerMarker(steerId), message, interrupt).finally(() => {
      this.#deliveries.delete(steerId);
      this.changed.notify();
    });
    this.#deliveries.set(steerId, delivery);
    return delivery;
  }

  async #bringIn(marker: string, message: string, interrupt: boolean): Promise<Delivered | undefined> {
    if (!(await this.#until(() => this.#opened)) || this.#left) return undefined;
    const during = this.progress.doing;
    let interrupted = false;
    if (!this.state.arrivals.has(marker)) {
      const tools = [...this.state.openTools.values()];
      // While the loop rests there is nothing to stop, and what is queued waits for the background.
      const stop = interrupt && !this.state.resting;
      const mode = stop ? 'enqueue' : 'immediate';
      await this.runtime.ask(this.#held().send({ prompt: `${marker}\n${message}`, mode }));
      // It is on its way now, whatever else fails.
      if (stop) interrupted = await this.interrupt().catch(unlessDead(false));
      if (interrupted) this.notes.push(...tools.map(({ what }) => `\`${what}\` was stopped by a message`));
      if (!(await this.#until(() => this.state.arrivals.has(marker)))) return undefined;
    }
    await this.save().catch(unlessDead(undefined));
    const arrival = this.state.arrivals.get(marker);
    return arrival && { ...arrival, during, interrupted };
  }

  #held(): CopilotSession {
    if (this.#left) throw new TurnOver();
    if (this.#session === undefined) throw new Error('the Copilot session is not open yet');
    return this.#session;
  }

  /** Waits for what the runtime does within milliseconds. Throws when the turn is over before, or it is not done in time. */
  async #mustBecome(condition: () => boolean, what: string): Promise<void> {
    const waiting = new WorkClock();
    if (await this.#until(condition, () => waiting.workedMs >= ARRIVAL_TIMEOUT_MS)) return;
    if (this.#left) throw new TurnOver();
    if (this.runtime.death !== undefined) throw new RuntimeDied(this.runtime.death.words);
    throw new Error(`the Copilot runtime took ${what} and did nothing with it`);
  }

  /** Whether `condition` came true before the turn was over, or `late`. */
  async #until(condition: () => boolean, late = (): boolean => false): Promise<boolean> {
    while (!condition()) {
      if (this.#left || this.runtime.death !== undefined || late()) return false;
      await changeOrTimeout(this.changed, LOOK_MS);
    }
    return true;
  }

  #describe(): Omit<Doing, 'since'> {
    const { state } = this;
    const tools = [...state.openTools.values()];
    const newest = tools.at(-1);
    if (newest !== undefined) {
      const more = tools.length > 1 ? ` (and ${tools.length - 1} more)` : '';
      return { what: newest.what + more, tool: newest.name };
    }
    if (state.questions.length > 0) return { what: 'asking its main agent', tool: undefined };
    if (state.looping) return { what: 'thinking', tool: undefined };
    const shell = [...state.shells.values()].at(-1);
    if (shell !== undefined) return { what: `waiting for ${shell}`, tool: undefined };
    return { what: 'finishing', tool: undefined };
  }
}

/** What Copilot refuses is `instead`; that it died is not. */
const unlessDead =
  <T>(instead: T) =>
  (error: unknown): T => {
    if (error instanceof RuntimeDied || error instanceof TurnOver) throw error;
    return instead;
  };
