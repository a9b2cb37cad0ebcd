/** What others see of a running subagent: status, search attribute, Web UI panel, times. */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { setCurrentDetails, upsertMemo, upsertSearchAttributes } from '@temporalio/workflow';
import {
  isFinal,
  oneLine,
  SEARCH_ATTRIBUTES,
  STALLED_MEMO,
  targetOf,
  type Stalled,
  type LiveStatus,
  type Outcome,
  type Status,
  type SubagentInput,
} from '../../src/contract/index.ts';
import { ignoredSignalNotes } from '../shared/ignored-signals.ts';
import { panel } from './panel.ts';
import type { Questions } from './questions.ts';
import type { WorkerSlot } from './worker-slot.ts';
import type { SubagentMachine } from './machine.ts';

/** Characters of the detail of a stall, which is part of every list. */
const MAX_DETAIL_CHARS = 300;
/** The statuses in which a turn can be stalled. */
const STALLABLE: readonly Status[] = ['queued', 'working', 'waiting'];

const statusKey = defineSearchAttributeKey(SEARCH_ATTRIBUTES.status, SearchAttributeType.KEYWORD);
const modelKey = defineSearchAttributeKey(SEARCH_ATTRIBUTES.model, SearchAttributeType.KEYWORD);

/** The parts that the status is computed from. */
export interface StatusParts {
  readonly machine: SubagentMachine;
  readonly questions: Questions;
  readonly slot: WorkerSlot;
}

export class StatusPublisher {
  status: Status = 'queued';
  since = new Date().toISOString();
  waitingFor: string | undefined = 'waits for a slot on a worker';
  /** The worker that has the subagent, while that worker is away. */
  away: { readonly workerId: string; readonly since: string } | undefined;
  /** Set while the worker waits for disk space before it goes on with this subagent. */
  lacksSpace: { readonly since: string; readonly detail: string } | undefined;
  /** The last published stall, as JSON. */
  #publishedStall = '';
  readonly startedAt = this.since;
  #queuedMs = 0;
  #outcome: Outcome | undefined;
  readonly #input: SubagentInput;
  readonly #parts: StatusParts;

  constructor(input: SubagentInput, parts: StatusParts) {
    this.#input = input;
    this.#parts = parts;
  }

  /** Sets the status and publishes it. */
  enter(status: LiveStatus, waitingFor?: string): void {
    this.waitingFor = waitingFor;
    this.lacksSpace = undefined;
    this.#change(status);
    this.publish();
  }

  /** What the subagent is stalled for, if it is. */
  get stalled(): Stalled | undefined {
    const { status, since, away, lacksSpace, waitingFor } = this;
    const { stalled, approvals } = this.#parts.machine.state;
    if (isFinal(status)) return undefined;
    if (away) return { reason: 'worker', since: away.since, detail: `worker ${away.workerId}` };
    if (lacksSpace)
      return {
        reason: 'space',
        since: lacksSpace.since,
        detail: oneLine(lacksSpace.detail, MAX_DETAIL_CHARS),
      };
    const [call] = approvals.open;
    if (status === 'asking' && call === undefined) return { reason: 'question', since };
    if (status === 'asking' && call !== undefined)
      return {
        reason: 'approval',
        since,
        detail: oneLine(`waits for approval: ${call.tool}: ${call.what}`, MAX_DETAIL_CHARS),
      };
    if (stalled === undefined || !STALLABLE.includes(status)) return undefined;
    const again =
      stalled.reason === 'silent' || stalled.reason === 'repeating' ? '' : 'is being tried again: ';
    const detail = oneLine(
      status === 'queued' ? stalled.detail : (waitingFor ?? again + stalled.detail),
      MAX_DETAIL_CHARS,
    );
    return { reason: stalled.reason, since: stalled.since ?? since, detail };
  }

  /** Redraws the panel, and publishes the stall in the memo, where lists read it. */
  publish(): void {
    const { machine, questions, slot } = this.#parts;
    const { state } = machine;
    const { stalled } = this;
    const told = JSON.stringify(stalled) ?? '';
    // A null removes the key. It is not written if there was no key to remove.
    if (told !== this.#publishedStall) upsertMemo({ [STALLED_MEMO]: stalled ?? null });
    this.#publishedStall = told;
    setCurrentDetails(
      panel({
        status: this.status,
        since: this.since,
        waitingFor: this.waitingFor,
        stalled,
        runs: this.#runningCommands,
        target: targetOf(this.#input),
        turn: state.turn,
        repo: state.spec.repo,
        branch: state.workspace?.branch,
        workerId: slot.workerId,
        questions: questions.open,
        approvals: state.approvals.open,
        steers: state.steerLog,
        notes: [...state.notes, ...ignoredSignalNotes(state.ignoredSignals)],
        outcome: this.#outcome,
      }),
    );
  }

  /** Publishes the end, with the model that was used, which is known by now even if the spec left it open. */
  finish(outcome: Outcome): void {
    this.#outcome = outcome;
    this.waitingFor = undefined;
    this.lacksSpace = undefined;
    this.#change(outcome.status, outcome.model);
    this.publish();
  }

  /** Time spent queued, and time since the start, in milliseconds. */
  durations(): { queuedMs: number; totalMs: number } {
    const now = Date.now();
    return { queuedMs: this.#queuedMs + this.#queuedNow(now), totalMs: now - Date.parse(this.startedAt) };
  }

  /** Milliseconds in the current queue, or 0 if the subagent is not queued. */
  #queuedNow(now: number): number {
    return this.status === 'queued' ? now - Date.parse(this.since) : 0;
  }

  /** The commands of the set-up or the verification that run now. */
  get #runningCommands(): readonly string[] {
    const { spec, workspace } = this.#parts.machine.state;
    if (this.status === 'verifying') return spec.verify;
    return this.status === 'preparing' && workspace !== undefined ? spec.setup : [];
  }

  #change(status: Status, model?: string): void {
    if (status === this.status) return;
    const now = new Date();
    this.#queuedMs += this.#queuedNow(now.getTime());
    this.status = status;
    this.since = now.toISOString();
    upsertSearchAttributes([
      { key: statusKey, value: status },
      ...(model === undefined ? [] : [{ key: modelKey, value: model.slice(0, 255) }]),
    ]);
  }
}
