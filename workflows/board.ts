/** What the world sees of a running subagent: status, search attribute, Web UI panel, times. */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import {
  SEARCH_ATTRIBUTES,
  type LiveStatus,
  type Outcome,
  type Status,
  type SubagentInput,
} from '../src/contract/index.ts';
import type { Inbox } from './inbox.ts';
import type { Life } from './life.ts';
import { panel } from './panel.ts';
import type { Questions } from './questions.ts';
import type { Room } from './room.ts';

const statusKey = defineSearchAttributeKey(SEARCH_ATTRIBUTES.status, SearchAttributeType.KEYWORD);
const modelKey = defineSearchAttributeKey(SEARCH_ATTRIBUTES.model, SearchAttributeType.KEYWORD);

export class Board {
  status: Status = 'queued';
  since = new Date().toISOString();
  waitingFor: string | undefined = 'waits for room on a worker';
  branch: string | null | undefined;
  cwd: string | undefined;
  readonly startedAt = this.since;
  readonly late: string[] = [];
  #queuedMs = 0;
  #outcome: Outcome | undefined;
  readonly #input: SubagentInput;
  readonly #parts: { inbox: Inbox; questions: Questions; room: Room };

  constructor(input: SubagentInput, parts: { inbox: Inbox; questions: Questions; room: Room }) {
    this.#input = input;
    this.#parts = parts;
  }

  /** Changes the status, where that is a change. */
  become(status: LiveStatus, waitingFor?: string): void {
    this.waitingFor = waitingFor;
    this.#enter(status);
  }

  /** Redraws the panel. */
  show(life: Life): void {
    const { inbox, questions, room } = this.#parts;
    setCurrentDetails(
      panel({
        status: this.status,
        since: this.since,
        waitingFor: this.waitingFor,
        runs: this.#runs,
        task: this.#input.spec.task,
        turn: life.turn,
        repo: this.#input.spec.repo,
        branch: this.branch,
        workerId: room.workerId,
        questions: questions.open,
        steers: inbox.steers,
        notes: [...life.notes, ...this.late],
        outcome: this.#outcome,
      }),
    );
  }

  /** The end; which model it used is known by then, also where the spec left that to the worker. */
  finish(life: Life, outcome: Outcome): void {
    this.#outcome = outcome;
    this.waitingFor = undefined;
    this.#enter(outcome.status, outcome.model);
    this.show(life);
  }

  /** Time queued so far and since the start. */
  durations(): { queuedMs: number; totalMs: number } {
    return { queuedMs: this.#queuedMs, totalMs: Date.now() - Date.parse(this.startedAt) };
  }

  /** The commands that run now, where they are not the subagent's own. */
  get #runs(): readonly string[] {
    const { verify, setup } = this.#input.spec;
    if (this.status === 'verifying') return verify;
    // Absent in runs that an earlier version started.
    const known = (setup as readonly string[] | undefined) ?? [];
    return this.status === 'preparing' && this.branch !== undefined ? known : [];
  }

  #enter(status: Status, model?: string): void {
    if (status === this.status) return;
    const now = new Date();
    if (this.status === 'queued') this.#queuedMs += now.getTime() - Date.parse(this.since);
    this.status = status;
    this.since = now.toISOString();
    upsertSearchAttributes([
      { key: statusKey, value: status },
      ...(model === undefined ? [] : [{ key: modelKey, value: model.slice(0, 255) }]),
    ]);
  }
}
