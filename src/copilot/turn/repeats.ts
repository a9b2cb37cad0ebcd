/** Whether a turn repeats itself: the same call with the same result, or a cycle of a few, over and over. */
import { createHash } from 'node:crypto';
import type { OpenTool } from './turn-state.ts';

/** Calls of the longest cycle that is seen. */
const MAX_PERIOD = 5;
/** Of a result, in characters: what is beyond differs only where this does, as good as always. */
const MAX_RESULT_CHARS = 64 * 1024;
/** What differs in results that say the same: the number of a shell, how long it took, and when it was. */
const PASSING =
  /shellId: ?[\w-]+|\b\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?|\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?|\b\d+(?:[.,]\d+)? ?(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?)\b/gi;
/** Commands that wait, or that ask something outside how far it is. */
const WAITS =
  /\b(?:sleep|wait|watch|until|while|tail -f|--watch|--wait|curl|wget|gh|glab|kubectl|docker|podman|ssh|nc|ping|aws|gcloud|az|terraform|systemctl|journalctl|ps|pgrep)\b/;
/** Tools that wait for a command in the background. */
const WAITING_TOOLS = /^(?:read|wait|list)_/;

/** The calls at the end of a turn that are a repetition. */
export interface Repetition {
  /** Number of the first of them, from 0. */
  readonly start: number;
  /** How many they are. */
  readonly count: number;
  /** Of how many different calls. */
  readonly period: number;
  /** The last of them, for people. */
  readonly what: string;
  /** ISO 8601: when the first of them began. */
  readonly since: string;
  /** Whether it waits for something in this way. */
  readonly waits: boolean;
}

interface Call {
  readonly tool: OpenTool;
  /** Absent while it runs. */
  result?: string;
}

export class Repeats {
  /** Those that run, and those behind them: calls count in the order in which they began. */
  readonly #open = new Map<string, Call>();
  /** What the newest calls were, newest last. */
  #newest: { readonly signature: string; readonly waits: boolean; readonly since: string }[] = [];
  #calls = 0;
  /** By period: how many of the newest calls were what the one so far before was; and of the first of that row, its beginning. */
  readonly #rows = Array.from({ length: MAX_PERIOD + 1 }, () => ({ same: 0, since: '', waits: false }));
  #what = '';

  began(toolCallId: string, tool: OpenTool): void {
    this.#open.set(toolCallId, { tool });
  }

  ended(toolCallId: string, result: string): void {
    const call = this.#open.get(toolCallId);
    if (call === undefined) return;
    call.result = result;
    for (const [id, { tool, result: known }] of this.#open) {
      if (known === undefined) return;
      this.#open.delete(id);
      this.#count(tool, known);
    }
  }

  /** What runs was stopped, or its result is lost. */
  broken(): void {
    this.#open.clear();
    this.#newest = [];
    for (const row of this.#rows) row.same = 0;
  }

  /** The longest of the repetitions that the newest calls are; of as long ones, that of fewer different calls. */
  get current(): Repetition {
    let best = { period: 1, count: 0 };
    this.#rows.forEach(({ same }, period) => {
      const count = same === 0 ? 0 : same + period;
      // A cycle that has come round only once is none.
      if (same >= period && count > best.count) best = { period, count };
    });
    const { period, count } = best;
    const { since = '', waits = false } = this.#rows[period] ?? {};
    return { ...best, start: this.#calls - count, what: this.#what, since, waits };
  }

  #count(tool: OpenTool, result: string): void {
    const { name, what, arguments: args, since } = tool;
    const said = result.slice(0, MAX_RESULT_CHARS).replace(PASSING, '#');
    const signature = createHash('sha256')
      .update(JSON.stringify([name, args ?? null, said]))
      .digest('base64');
    const waits = WAITING_TOOLS.test(name) || WAITS.test(what);
    this.#rows.forEach((row, period) => {
      if (period === 0) return;
      const before = this.#newest.at(-period);
      if (before?.signature !== signature) return void (row.same = 0);
      if (row.same === 0) Object.assign(row, { since: before.since, waits: false });
      row.same++;
      row.waits ||= waits || before.waits;
    });
    this.#newest = [...this.#newest, { signature, waits, since }].slice(-MAX_PERIOD);
    this.#calls++;
    this.#what = what;
  }
}
