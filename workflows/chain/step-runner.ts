/** Starts the subagents of a chain's steps, records how they end, and cancels them with the chain. */
import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  condition,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  uuid4,
} from '@temporalio/workflow';
import { CancelledFailure } from '@temporalio/common';
import type { ChainItem, PlannedStep, ChainProgress } from '../../src/chain/progress.ts';
import { listAt, QuoteError, quotedText, type Scope } from '../../src/chain/quotes.ts';
import { parsePath, render } from '../../src/chain/template.ts';
import { artifactsTask, unfencedWordsNote, outputTask } from '../../src/prompts/index.ts';
import {
  byteLength,
  MAX_CHAIN_SUBAGENTS,
  MAX_CHAIN_TASK_BYTES,
  MAX_FOR_EACH,
  MAX_RENDERED_TASK_BYTES,
  MAX_SPAWN_BYTES,
  outcome as outcomeSchema,
  SESSION,
  signalName,
  type Admission,
  type ChainInput,
  type Outcome,
  type ResolvedSpec,
  type SessionEntry,
} from '../../src/contract/index.ts';
import { announce } from '../subagent/outcome.ts';
import { admit, admittedInput, startSubagent } from '../session/starting.ts';
import { signalSession } from '../shared/signal-session.ts';

/** An item that can start, and its spec. */
interface Ready {
  readonly item: ChainItem;
  readonly spec: ResolvedSpec;
}

/**
 * Bytes of specs admitted and started together. A single task can be larger as JSON; such a step forms a group alone.
 */
const MAX_GROUP_BYTES = 1024 * 1024;
/**
 * Allowance for each step besides its spec: the beginning of its task for the Web UI, and the repository's settings.
 */
const MAX_CONCURRENT_BYTES = 10 * 1024;

/** Runs the steps of one chain as child workflows, and records their results in its progress. */
export class StepRunner {
  readonly #input: ChainInput;
  readonly #progress: ChainProgress;
  readonly #changed: () => void;
  #stopping = false;
  #bytes = 0;
  /** Settles once all launches requested so far are done. */
  #launched = Promise.resolve();

  constructor(input: ChainInput, progress: ChainProgress, changed: () => void) {
    this.#input = input;
    this.#progress = progress;
    this.#changed = changed;
  }

  /** The list that a `forEach` step runs over, or the reason why the step cannot run. */
  expand(step: PlannedStep): readonly unknown[] | string {
    try {
      const entries = listAt(parsePath(step.forEach ?? ''), this.#scope());
      if (entries.length > MAX_FOR_EACH)
        return `${step.forEach} has ${entries.length} entries; a step can run for at most ${MAX_FOR_EACH}`;
      if (this.#progress.items.length + entries.length > MAX_CHAIN_SUBAGENTS)
        return `with ${step.forEach} the chain would have more than ${MAX_CHAIN_SUBAGENTS} subagents`;
      return entries;
    } catch (error) {
      return reasonOf(error);
    }
  }

  /**
   * Starts these items side by side. An item that cannot start has failed; `changed` is called when an item starts or
   * ends.
   */
  start(items: readonly ChainItem[]): void {
    if (items.length === 0) return;
    for (const item of items) item.status = 'live';
    const launch = (): Promise<void> => CancellationScope.nonCancellable(() => this.#launch(items));
    // Launches run one after another, because everything that is started at once must fit into one message.
    this.#launched = this.#launched.then(launch);
  }

  /** Starts no more items, cancels the live ones, and waits until they have ended. */
  async stop(why: string): Promise<void> {
    this.#stopping = true;
    this.#progress.stop(why);
    for (const item of this.#progress.items) if (item.status === 'live') void this.#cancel(item);
    await condition(() => this.#progress.items.every(({ status }) => status !== 'live'));
  }

  async #launch(items: readonly ChainItem[]): Promise<void> {
    for (const group of this.#groups(items)) {
      const admissions = await admit(
        this.#input.session,
        group.map(({ spec }) => spec),
      );
      const begun = group.map(({ item, spec }, index) => this.#startItem(item, spec, admissions[index]));
      await Promise.all(begun);
    }
  }

  /**
   * Splits items into groups that are admitted and started together: Temporal refuses payloads over 2 MB, and more than
   * 4 MB of commands at once. A generator, because rendering all tasks of a chain at once can exceed the time limit of
   * a workflow task.
   */
  *#groups(items: readonly ChainItem[]): Generator<readonly Ready[]> {
    let group: Ready[] = [];
    let bytes = 0;
    for (const item of items) {
      if (this.#stopping) {
        this.#skip(item);
        continue;
      }
      for (const ready of this.#ready(item)) {
        const more = sizeOf(ready.spec) + MAX_CONCURRENT_BYTES;
        if (group.length > 0 && bytes + more > MAX_GROUP_BYTES) {
          yield group;
          group = [];
          bytes = 0;
        }
        group.push(ready);
        bytes += more;
      }
    }
    if (group.length > 0) yield group;
  }

  /** The item with its spec. If its spec cannot be rendered, marks the item as failed and returns an empty list. */
  #ready(item: ChainItem): readonly Ready[] {
    try {
      return [{ item, spec: this.#specOf(item) }];
    } catch (error) {
      this.#end(item, 'failed', reasonOf(error));
      return [];
    }
  }

  /** Starts the item's subagent. Settles once the subagent has started, or the item has ended without one. */
  async #startItem(item: ChainItem, spec: ResolvedSpec, admission: Admission | undefined): Promise<void> {
    if (this.#stopping) return this.#skip(item);
    if (!admission?.admitted)
      return this.#end(item, 'failed', admission?.reason ?? 'the host gave no answer');
    const { session, runs, by } = this.#input;
    const run = (runs[item.label] ?? 0) + 1;
    try {
      const child = admittedInput({ session, label: item.label, run, spec, by }, admission);
      // A step's subagent is cancelled when its chain closes, even if the chain is terminated.
      const { handle, entry } = await startSubagent(child, ParentClosePolicy.REQUEST_CANCEL);
      const { workflowId, runId, startedAt } = entry;
      Object.assign(item, { run, workflowId, runId, startedAt });
      this.#changed();
      void this.#follow(item, entry, handle.result());
    } catch (error) {
      this.#end(item, 'failed', reasonOf(error));
    }
  }

  /** Reports the started subagent to the session, then waits for its end. */
  async #follow(item: ChainItem, entry: SessionEntry, result: Promise<Outcome>): Promise<void> {
    try {
      await signalSession(this.#input.session, signalName(SESSION.started, entry.label), { entry });
      if (this.#stopping) void this.#cancel(item);
      await this.#handleAnnouncement(item, entry, result);
    } catch (error) {
      this.#end(item, 'failed', reasonOf(error));
    }
  }

  /**
   * Waits for the end of the subagent. If it was terminated from outside, signals its end to the session on its behalf.
   */
  async #handleAnnouncement(item: ChainItem, entry: SessionEntry, result: Promise<Outcome>): Promise<void> {
    try {
      item.outcome = await result;
      this.#end(item, item.outcome.status);
    } catch (error) {
      const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
      if (cause instanceof CancelledFailure) return this.#end(item, 'killed', 'it was killed');
      const told =
        cause instanceof ApplicationFailure ? outcomeSchema.safeParse(cause.details?.[0]) : undefined;
      if (told?.success) {
        item.outcome = told.data;
        return this.#end(item, told.data.status);
      }
      const summary = `lost: ${reasonOf(cause)}`;
      const { workflowId, runId } = entry;
      const of = { session: this.#input.session, label: entry.label, run: entry.run };
      await signalSession(this.#input.session, signalName(SESSION.ended, `${entry.label}, lost`), {
        announcement: announce(
          of,
          { workflowId, runId },
          { key: 'ended', kind: 'failed', status: 'lost', summary },
        ),
        entry: { ...entry, status: 'lost', summary, endedAt: new Date().toISOString() },
      });
      this.#end(item, 'lost', summary);
    }
  }

  #skip(item: ChainItem): void {
    this.#end(item, 'skipped', 'the chain ended before it started');
  }

  #end(item: ChainItem, status: ChainItem['status'], why?: string): void {
    item.status = status;
    if (why !== undefined) item.why = why;
    this.#changed();
  }

  async #cancel({ workflowId, runId }: ChainItem): Promise<void> {
    if (workflowId === undefined) return;
    await getExternalWorkflowHandle(workflowId, runId)
      .cancel()
      .catch(() => undefined);
  }

  /** The step's spec with its task rendered, based on the commit of its `from` step. @throws QuoteError */
  #specOf(item: ChainItem): ResolvedSpec {
    const step = this.#input.chain.steps.find(({ id }) => id === item.step);
    if (!step) throw new QuoteError(`there is no step ${item.step}`);
    this.#checkBytes();
    const bare: string[] = [];
    const scope: Scope = { ...this.#scope(item), onUnfenced: (word) => bare.push(word) };
    const { output, artifacts } = step.spec;
    const said = render(step.spec.task, (quote) => quotedText(quote, scope));
    const task = [
      said,
      unfencedWordsNote(bare),
      artifacts && artifactsTask(artifacts),
      output && outputTask(output),
    ]
      .filter((part) => part !== undefined)
      .join('\n\n');
    if (byteLength(task) > MAX_RENDERED_TASK_BYTES)
      throw new QuoteError(
        `its task with all quotes filled in is larger than ${MAX_RENDERED_TASK_BYTES / 1024} KiB`,
      );
    const spec = { ...step.spec, label: item.label, task, ...this.#base(step.from, step.spec.pool) };
    const bytes = sizeOf(spec);
    if (bytes > MAX_SPAWN_BYTES)
      throw new QuoteError(
        `its request with all quotes filled in is larger than ${MAX_SPAWN_BYTES / 1024} KiB`,
      );
    this.#bytes += bytes;
    this.#checkBytes();
    return spec;
  }

  /** @throws QuoteError when the rendered tasks no longer fit into the history */
  #checkBytes(): void {
    if (this.#bytes > MAX_CHAIN_TASK_BYTES)
      throw new QuoteError(
        `the tasks of the chain together are larger than ${MAX_CHAIN_TASK_BYTES / 1024 / 1024} MiB`,
      );
  }

  /** The base of a step that starts `from` another one. The commit of a pool's subagent is with its worker alone. */
  #base(from: string | undefined, pool: string | undefined): Partial<Pick<ResolvedSpec, 'base' | 'worker'>> {
    if (from === undefined) return {};
    const outcome = this.#progress.done.get(from)?.outcomes[0];
    const { evidence, worker }: Pick<Outcome, 'evidence' | 'worker'> = outcome ?? {};
    if (!evidence) throw new QuoteError(`${from} has no commit to start from`);
    return {
      base: { commit: evidence.head, name: evidence.branch ?? from },
      ...(pool !== undefined && worker !== undefined && { worker }),
    };
  }

  #scope({ entry }: Partial<ChainItem> = {}): Scope {
    const { params } = this.#input.chain;
    return {
      params,
      steps: this.#progress.done,
      item: entry,
      nonce: () => uuid4().replaceAll('-', '').slice(0, 16),
    };
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const sizeOf = (spec: ResolvedSpec): number => byteLength(JSON.stringify(spec));
