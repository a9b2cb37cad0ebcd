/** The state of a turn, folded from its events: live ones, or those of the event log after a crash. */
import { z } from 'zod';
import {
  addUsage,
  mergeDenials,
  NO_USAGE,
  type Denial,
  type Permissions,
  type TurnUsage,
  type Usage,
} from '../../contract/index.ts';
import { ASK_PARENT, opensRun, resultMarker } from '../../prompts/index.ts';
import { PermissionTracker, type AskedCall, type OpenApproval } from './approvals.ts';
import { QuestionTracker, type OpenQuestion } from './questions.ts';
import { Denials } from '../session/denials.ts';
import type { CopilotEvent } from '../log/events.ts';
import type { EndedCalls } from '../log/unsaved-tool-results.ts';
import { RepetitionDetector } from './repeats.ts';
import { describeTool } from './describe-tool.ts';

/** A running tool call. */
export interface OpenTool {
  readonly name: string;
  /** Description for people: `bash: npm test`. */
  readonly what: string;
  readonly arguments: unknown;
  readonly shellId: string | undefined;
  readonly since: string;
}

/**
 * A tool call that ended although the conversation says it was interrupted, because its model was killed at that
 * moment.
 */
export interface UnshownResult {
  readonly toolCallId: string;
  readonly what: string;
  /** Null: not known. */
  readonly result: string | null;
}

/** The data of a `session.error` event. */
export type SessionError = Extract<CopilotEvent, { type: 'session.error' }>['data'];

/** How and when a message arrived in the conversation. */
export interface Arrival {
  readonly delivery: string | undefined;
  readonly at: string;
}

/** Output of a command that runs in the background, newly or still. */
const BACKGROUND = /<command (?:started in background|with) .{0,2000}?shellId: (\w+)/;

const shellArguments = z.object({ shellId: z.string() });

/** Folds the events of one turn. */
export class TurnState {
  #usage: Usage = NO_USAGE;
  readonly denials = new Denials();
  /** Repetitions of the main loop's calls. */
  readonly repeats = new RepetitionDetector();
  model: string | undefined;
  lastMessage: string | undefined;
  /** The final message, unless something followed it. */
  report: string | undefined;
  /** The newest final message, whatever followed it. */
  lastReport: string | undefined;
  /** Why the main loop gave up; undefined once it starts again. */
  error: SessionError | undefined;
  /** Whether Copilot's main loop works (on the model or on tools). */
  isLoopRunning = false;
  /** Whether Copilot has sent `session.idle` since: the loop rests, and nothing of it runs in the background. */
  isSessionIdle = false;
  /** Whether the main loop has reported that it rests; commands or sub-agents may still run in the background. */
  isLoopIdle = false;
  /** Whether the runtime itself retried the newest model call. */
  retried = false;
  /** Whether a model request is pending. */
  isModelAnswering = false;
  /** How the newest answer of the model ended. */
  finishReason: string | undefined;
  /** Text of a refusal by the model or a filter, possibly empty; undefined after an ordinary answer. */
  refusal: string | undefined;
  /** Whether the loop was interrupted (by us) and has not started again. */
  aborted = false;
  /** Running tool calls of the main loop, by id. */
  readonly openTools = new Map<string, OpenTool>();
  /** Commands in the background, by shell id. */
  readonly shells = new Map<string, string>();
  /** Descriptions of the tool calls whose result was lost in a crash, by call id. */
  readonly interrupted = new Map<string, string>();
  /** Results that the model has not been given yet, by call id. */
  readonly unshown = new Map<string, UnshownResult>();
  /** Commands that ran in the background and were ended when the turn was resumed. */
  readonly endedShells: string[] = [];
  /** Arrivals of messages, by marker line (lines in brackets). */
  readonly arrivals = new Map<string, Arrival>();
  #questionTracker: QuestionTracker;
  #permissions: PermissionTracker;

  /** Calls that are known to have ended, whatever the log says. */
  readonly endedCalls: EndedCalls;

  /** Starts with the questions and permission requests of the turn `before`. */
  constructor(before?: TurnState, ended?: EndedCalls) {
    this.#questionTracker = new QuestionTracker(before && before.#questionTracker);
    this.#permissions = new PermissionTracker(before && before.#permissions);
    this.endedCalls = ended ?? before?.endedCalls ?? new Map();
  }

  get usage(): Usage {
    return this.#usage;
  }

  /** Questions that wait for their answers, in the order of the calls. */
  get questions(): readonly OpenQuestion[] {
    return this.#questionTracker.open;
  }

  /** Requests whose answer was given, but is not in the conversation yet. */
  get answersInFlight(): readonly string[] {
    return this.#questionTracker.inFlight;
  }

  /** Requests whose answer was given, and of which the model may not know. */
  get undeliveredAnswers(): readonly string[] {
    return [...this.answersInFlight, ...this.#questionTracker.undelivered];
  }

  /** Requests whose answer is in the conversation. */
  get deliveredAnswers(): ReadonlySet<string> {
    return this.#questionTracker.answered;
  }

  /** Calls that wait for an approval, oldest first. */
  get approvals(): readonly OpenApproval[] {
    return this.#permissions.open;
  }

  /** Ids of permission requests that nobody has answered, oldest first. */
  get pendingPermissions(): readonly string[] {
    return this.#permissions.pending;
  }

  /** Permission requests that were answered. */
  get answeredPermissions(): ReadonlySet<string> {
    return this.#permissions.answered;
  }

  /** Whether the model waits only for answers of the main agent and for approvals. */
  get isWaitingForAnswers(): boolean {
    if (this.questions.length + this.approvals.length === 0 || this.answersInFlight.length > 0) return false;
    return [...this.openTools.keys()].every((id) => this.#permissions.isHeld(id));
  }

  /** The newest permission request of a call of the main loop that nobody has answered. */
  permissionRequestOf(toolCallId: string): string | undefined {
    return this.#permissions.requestOf(toolCallId);
  }

  /** Records that a permission request waits for an approval. */
  holdForApproval(requestId: string, call: AskedCall): void {
    this.#permissions.hold(requestId, call);
  }

  /** The state at the start of the session's next turn: figures from zero, the conversation unchanged. */
  nextTurn(): TurnState {
    const next = new TurnState(this);
    for (const [line, arrival] of this.arrivals) next.arrivals.set(line, arrival);
    for (const [id, tool] of this.openTools) next.openTools.set(id, tool);
    for (const [id, what] of this.shells) next.shells.set(id, what);
    for (const [id, result] of this.unshown) next.unshown.set(id, result);
    next.model = this.model;
    return next;
  }

  /** Records that the interrupted loop is told to continue. */
  markResumed(): void {
    this.#start();
  }

  /** Counts tool calls without a result as interrupted: the process that ran them is gone. */
  interruptOpenTools(): void {
    for (const [id, tool] of this.openTools) {
      // A call whose permission is not given yet has not begun.
      if (this.#permissions.isPending(id)) continue;
      this.#interrupt(id, tool);
      this.openTools.delete(id);
    }
    this.repeats.reset();
  }

  /** Records that the undelivered answers were given to the model in a message. */
  markAnswersDelivered(): void {
    this.#questionTracker.markDelivered();
  }

  /** Counts background commands as ended, and the model as informed of it. */
  endShells(): void {
    this.endedShells.push(...this.shells.values());
    this.shells.clear();
  }

  apply(event: CopilotEvent): void {
    if (event.type === 'assistant.usage') return this.#call(event.data, event.agentId);
    if (event.type === 'session.usage_record') return this.#call(event.data.usage, event.agentId);
    // A call that was approved later starts again.
    if (event.type === 'tool.execution_start' && !this.openTools.has(event.data.toolCallId))
      this.#addUsage({ toolCalls: 1 });
    this.denials.apply(event);
    // Copilot's own sub-agents count in the figures, but the turn's state is the main loop's.
    if (event.agentId !== undefined) return;
    switch (event.type) {
      case 'user.message':
        return this.#message(event);
      case 'assistant.turn_start':
        this.error = undefined;
        this.retried = false;
        return this.#start();
      case 'assistant.turn_retry':
        this.retried = true;
        return;
      case 'model.response':
        this.refusal = event.data.response.refusal || this.refusal;
        return;
      case 'assistant.message':
        return this.#answer(event.data);
      case 'tool.execution_start': {
        const { toolCallId, toolName, arguments: args } = event.data;
        const tool: OpenTool = {
          name: toolName,
          what: describeTool(toolName, args),
          arguments: args,
          shellId: shellArguments.safeParse(args).data?.shellId,
          since: event.timestamp,
        };
        this.openTools.set(toolCallId, tool);
        this.repeats.callStarted(toolCallId, tool);
        return;
      }
      case 'external_tool.requested':
        if (this.#questionTracker.request(event.data)) this.openTools.delete(event.data.toolCallId);
        return;
      case 'external_tool.completed':
        this.#questionTracker.markGiven(event.data.requestId);
        // The Copilot session was closed while the call waited for its answer, which ended its background commands.
        this.endShells();
        return;
      case 'permission.requested':
        if (event.data.resolvedByHook !== true) this.#permissions.request(event.data);
        return;
      case 'permission.completed':
        this.#permissions.complete(event.data.requestId);
        return;
      case 'tool.execution_complete':
        return this.#complete(event.data);
      case 'system.notification':
        if (event.data.kind?.shellId !== undefined) this.shells.delete(event.data.kind.shellId);
        return this.#start();
      case 'session.error':
        this.isModelAnswering = false;
        this.error = event.data;
        return;
      case 'abort':
        this.aborted = true;
        // The tools are stopped, and the runtime emits no further events for them.
        this.openTools.clear();
        this.repeats.reset();
        this.#questionTracker.abortCalls();
        this.#permissions.abortCalls();
        return;
      case 'assistant.idle':
        this.isLoopRunning = false;
        this.isLoopIdle = true;
        return;
      case 'session.idle':
        this.isLoopRunning = false;
        this.isLoopIdle = true;
        this.isSessionIdle = true;
        return;
    }
  }

  #start(): void {
    this.isLoopRunning = true;
    this.isModelAnswering = true;
    this.isLoopIdle = false;
    this.isSessionIdle = false;
    this.aborted = false;
    this.report = undefined;
  }

  /** Drops what an earlier run of the subagent left open in the conversation: commands, questions, steers. */
  #startRun(): void {
    this.openTools.clear();
    this.repeats.reset();
    this.unshown.clear();
    this.shells.clear();
    this.arrivals.clear();
    this.#questionTracker = new QuestionTracker();
    this.#permissions = new PermissionTracker();
  }

  #message({ data, timestamp }: Extract<CopilotEvent, { type: 'user.message' }>): void {
    const arrival = { delivery: data.delivery, at: timestamp };
    if (opensRun(data.content.split('\n', 1)[0] ?? '')) this.#startRun();
    for (const line of data.content.split('\n')) {
      if (!line.startsWith('[') || !line.endsWith(']')) continue;
      this.arrivals.set(line, arrival);
      for (const pending of [this.unshown, this.interrupted])
        for (const id of pending.keys()) if (line === resultMarker(id)) pending.delete(id);
    }
    this.#start();
  }

  #answer(data: Extract<CopilotEvent, { type: 'assistant.message' }>['data']): void {
    this.isModelAnswering = false;
    if (data.model !== undefined) this.model = data.model;
    if (data.content.trim() !== '') this.lastMessage = data.content;
    this.report = data.toolRequests.length === 0 && data.content !== '' ? data.content : undefined;
    this.lastReport = this.report ?? this.lastReport;
  }

  #complete(data: Extract<CopilotEvent, { type: 'tool.execution_complete' }>['data']): void {
    const tool = this.openTools.get(data.toolCallId);
    this.openTools.delete(data.toolCallId);
    this.repeats.callEnded(data.toolCallId, data.error?.message ?? data.result?.content ?? '');
    this.#questionTracker.complete(data.toolCallId, data.success);
    this.#permissions.callEnded(data.toolCallId);
    if (tool === undefined) return;
    if (data.error?.code === 'interrupted') this.#interrupt(data.toolCallId, tool);
    else this.#trackShells(tool, data.result?.content ?? '', data.shellExecution !== undefined);
  }

  #trackShells(tool: OpenTool, result: string, ended: boolean): void {
    const background = BACKGROUND.exec(result)?.[1];
    if (background !== undefined && !ended) this.shells.set(background, tool.what);
    const over = tool.name === 'stop_bash' || /<shellId: \w+ completed/.test(result);
    if (over && tool.shellId !== undefined) this.shells.delete(tool.shellId);
  }

  #interrupt(toolCallId: string, tool: OpenTool): void {
    const { what } = tool;
    const result = this.endedCalls.get(toolCallId);
    if (result !== undefined) {
      this.unshown.set(toolCallId, { toolCallId, what, result });
      this.#trackShells(tool, result ?? '', false);
    } else if (tool.name !== ASK_PARENT) {
      // A lost question is simply asked again, because it had no effects.
      this.interrupted.set(toolCallId, what);
    }
  }

  #call(call: Extract<CopilotEvent, { type: 'assistant.usage' }>['data'], agentId: string | undefined): void {
    this.#addTokens(call);
    if (agentId !== undefined) return;
    this.finishReason = call.finishReason;
    this.refusal = call.contentFilterTriggered ? '' : undefined;
  }

  #addTokens(tokens: Extract<CopilotEvent, { type: 'assistant.usage' }>['data']): void {
    this.model ??= tokens.model;
    this.#addUsage({
      inputTokens: tokens.inputTokens,
      outputTokens: tokens.outputTokens,
      cachedTokens: tokens.cacheReadTokens,
      modelRequests: 1,
    });
  }

  #addUsage(more: Partial<Usage>): void {
    this.#usage = addUsage(this.#usage, more);
  }
}

/**
 * The usage, model and denials of a turn in this state.
 * @param refusals connections that the network of its sandbox refused
 */
export function turnUsageOf(
  { usage, model, denials }: TurnState,
  permissions: Permissions,
  refusals: readonly Denial[] = [],
): TurnUsage {
  const denied = mergeDenials([...denials.list(permissions), ...refusals]);
  return {
    usage,
    ...(model !== undefined && { model }),
    ...(denied.length > 0 && { denials: denied }),
  };
}
