/** The progress of a chain: which steps may start, which are skipped, and the verdict. No Temporal, no clock. */
import {
  blocking,
  caveatOf,
  kindsOf,
  stepLabel,
  type CarriedOutcome,
  type Caveat,
  type FinalStatus,
  type Outcome,
  type StepStatus,
  type StepView,
} from '../contract/index.ts';
import type { DoneStep } from './quotes.ts';

/** The part of a step that is known before the chain runs. */
export interface PlannedStep {
  readonly id: string;
  readonly needs: readonly string[];
  readonly forEach?: string | undefined;
  readonly maxConcurrent?: number | undefined;
}

/** One subagent of the chain: planned, live or ended. */
export interface ChainItem {
  readonly step: string;
  /** The list entry of a `forEach`. */
  readonly entry?: { readonly index: number; readonly value: unknown };
  readonly label: string;
  status: StepStatus;
  run?: number;
  workflowId?: string;
  runId?: string;
  /** ISO 8601. */
  startedAt?: string;
  /** Why the item was skipped, or failed before it had a subagent. */
  why?: string;
  outcome?: Outcome;
}

/** Limits of a chain: how many subagents run at once, and when the chain ends. */
export interface ChainLimits {
  readonly label: string;
  readonly maxConcurrent?: number | undefined;
  readonly until: 'all' | 'first';
}

/** Whether a blocking caveat makes this result unusable without force. */
const isBlocked = ({ outcome }: ChainItem): boolean => blocking(outcome?.caveats ?? []).length > 0;

/** The progress of one chain. Its caller starts the items that `next` returns, and updates their status and outcome. */
export class ChainProgress {
  readonly steps: readonly PlannedStep[];
  readonly #bounds: ChainLimits;
  /** Items by step id, once the step is decided on. A `forEach` over an empty list has no items. */
  readonly #items = new Map<string, ChainItem[]>();

  /** @param carried outcomes of an earlier run, whose steps are not run again */
  constructor(
    steps: readonly PlannedStep[],
    bounds: ChainLimits,
    carried: Readonly<Record<string, readonly CarriedOutcome[]>> = {},
  ) {
    this.steps = steps;
    this.#bounds = bounds;
    for (const { id, forEach } of steps) {
      if (!Object.hasOwn(carried, id)) continue;
      const items = (carried[id] ?? []).map(({ workflowId, runId, ...outcome }, index): ChainItem => ({
        step: id,
        label: outcome.label,
        status: 'done',
        run: outcome.run,
        outcome,
        ...(workflowId !== undefined && { workflowId }),
        ...(runId !== undefined && { runId }),
        ...(forEach !== undefined && { entry: { index, value: undefined } }),
      }));
      this.#items.set(id, items);
    }
  }

  /**
   * Skips items that can never start, and returns those that can start now.
   * @param expand returns the entries of a `forEach`, or a message if there are none
   */
  next(expand: (step: PlannedStep) => readonly unknown[] | string): ChainItem[] {
    // Repeated until nothing changes: steps are in file order, and skipping one may cause an earlier one to be skipped.
    for (let before = -1; before !== this.#items.size;) {
      before = this.#items.size;
      for (const step of this.steps) if (!this.#items.has(step.id)) this.#open(step, expand);
    }
    const startable: ChainItem[] = [];
    let live = this.#count('live');
    for (const step of this.steps) {
      const items = this.#items.get(step.id) ?? [];
      let own = items.filter(({ status }) => status === 'live').length;
      for (const item of items) {
        if (item.status !== 'waiting') continue;
        if (live >= (this.#bounds.maxConcurrent ?? Infinity) || own >= (step.maxConcurrent ?? Infinity))
          break;
        startable.push(item);
        live++;
        own++;
      }
    }
    return startable;
  }

  /** All items, whether planned, live or ended. */
  get items(): ChainItem[] {
    return [...this.#items.values()].flat();
  }

  /** Steps that are done, with their outcomes, for quotes. */
  get done(): Map<string, DoneStep> {
    const done = new Map<string, DoneStep>();
    for (const [id, items] of this.#items) {
      if (this.statusOf(id) !== 'done') continue;
      done.set(id, { outcomes: items.flatMap(({ outcome }) => outcome ?? []) });
    }
    return done;
  }

  /** Status of a step. For a `forEach` whose items have all ended, the first status that is not `done`. */
  statusOf(id: string): StepStatus {
    const items = this.#items.get(id);
    if (!items) return 'waiting';
    if (items.some(({ status }) => status === 'live')) return 'live';
    if (items.some(({ status }) => status === 'waiting')) {
      return items.every(({ status }) => status === 'waiting') ? 'waiting' : 'live';
    }
    return items.find(({ status }) => status !== 'done')?.status ?? 'done';
  }

  /** Whether no step is left to start or to wait for. */
  get isOver(): boolean {
    return this.steps.every(({ id }) => !['waiting', 'live'].includes(this.statusOf(id)));
  }

  /**
   * With `until: first`, the first item that was done without a blocking caveat; once the chain is over, the first that
   * was done at all.
   */
  get winner(): ChainItem | undefined {
    if (this.#bounds.until !== 'first') return undefined;
    const done = this.items.filter(({ status }) => status === 'done');
    const whole = done.find((item) => !isBlocked(item));
    return whole ?? (this.isOver ? done[0] : undefined);
  }

  /** Caveats of the result: those of all steps that are done, or of the winner only. */
  get caveats(): Caveat[] {
    const { winner } = this;
    const counted = winner ? [winner] : this.items.filter(({ status }) => status === 'done');
    return counted.flatMap(({ label, outcome }) =>
      (outcome?.caveats ?? []).map(({ kind, text }) => caveatOf(kind, `${label}: ${text}`)),
    );
  }

  /** Skips everything that has not started. */
  stop(why: string): void {
    for (const { id } of this.steps) {
      if (!this.#items.has(id)) this.#items.set(id, [this.#item(id, 'skipped', why)]);
    }
    for (const item of this.items) {
      if (item.status !== 'waiting') continue;
      item.status = 'skipped';
      item.why = why;
    }
  }

  /** The verdict, once the chain is over. */
  get verdict(): { readonly status: Extract<FinalStatus, 'done' | 'failed'>; readonly summary: string } {
    const { winner } = this;
    if (winner)
      return {
        status: 'done',
        summary: `${winner.step} was the first to be done${this.#skippedWinnerNote(winner)}: ${winner.outcome?.summary ?? ''}`,
      };
    const ended = this.steps.map(({ id }) => ({ id, status: this.statusOf(id) }));
    const missed = ended.filter(({ status }) => status !== 'done');
    if (missed.length === 0) {
      const last = this.items.at(-1)?.outcome?.summary;
      const count = ended.length === 1 ? '1 step' : `${ended.length} steps`;
      return { status: 'done', summary: `${count} done${last === undefined ? '' : `; last: ${last}`}` };
    }
    const words = missed.map(({ id, status }) => `${id} ${status}`);
    return {
      status: 'failed',
      summary: `${words.join(', ')}; ${ended.length - missed.length} of ${ended.length} steps done`,
    };
  }

  /** Every subagent, and every step without one, for people and programs. */
  get view(): StepView[] {
    return this.steps.flatMap(({ id, needs }) => {
      const items = this.#items.get(id) ?? [this.#item(id, 'waiting')];
      const shown = items.length > 0 ? items : [this.#item(id, 'done', 'its list was empty')];
      return shown.map(({ entry, label, status, run, workflowId, runId, startedAt, why, outcome }) => ({
        id: entry ? `${id}-${entry.index}` : id,
        step: id,
        label,
        needs: [...needs],
        status,
        ...(run !== undefined && { run }),
        ...(workflowId !== undefined && { workflowId }),
        ...(runId !== undefined && { runId }),
        ...(startedAt !== undefined && { startedAt }),
        ...(outcome && outcome.caveats.length > 0 && { caveats: kindsOf(outcome.caveats) }),
        ...(outcome?.evidence && { branch: outcome.evidence.branch, head: outcome.evidence.head }),
        ...(outcome && {
          totalMs: outcome.durations.totalMs,
          tokens: outcome.usage.inputTokens + outcome.usage.outputTokens,
        }),
        ...((outcome?.summary ?? why) !== undefined && { summary: outcome?.summary ?? why ?? '' }),
      }));
    });
  }

  /** A remark if the winner was not the first to be done, because others had blocking caveats. */
  #skippedWinnerNote(winner: ChainItem): string {
    const others = this.items.some((item) => item !== winner && item.status === 'done');
    return others && !isBlocked(winner) ? ' without a blocking caveat' : '';
  }

  #open(step: PlannedStep, expand: (step: PlannedStep) => readonly unknown[] | string): void {
    const needed = step.needs.map((id) => ({ id, status: this.statusOf(id) }));
    const missing = needed.find(({ status }) => !['waiting', 'live', 'done'].includes(status));
    if (missing) {
      this.#items.set(step.id, [
        this.#item(step.id, 'skipped', `needs ${missing.id}, which is ${missing.status}`),
      ]);
      return;
    }
    if (needed.some(({ status }) => status !== 'done')) return;
    if (step.forEach === undefined) {
      this.#items.set(step.id, [this.#item(step.id, 'waiting')]);
      return;
    }
    const entries = expand(step);
    this.#items.set(
      step.id,
      typeof entries === 'string'
        ? [this.#item(step.id, 'failed', entries)]
        : entries.map((value, index) => ({
            ...this.#item(step.id, 'waiting'),
            label: stepLabel(this.#bounds.label, step.id, index),
            entry: { index, value },
          })),
    );
  }

  #item(step: string, status: StepStatus, why?: string): ChainItem {
    return { step, label: stepLabel(this.#bounds.label, step), status, ...(why !== undefined && { why }) };
  }

  #count(status: StepStatus): number {
    return this.items.filter((item) => item.status === status).length;
  }
}
