/** Detects a turn that repeats itself: the same call with the same result, or a short cycle of calls. */
import { createHash } from 'node:crypto';
import type { OpenTool } from './turn-state.ts';

/** Calls in the longest cycle that is detected. */
const MAX_PERIOD = 5;
/** Characters of a result that are compared. */
const MAX_RESULT_CHARS = 64 * 1024;
/** Parts that differ between equal results: shell ids, durations and times. */
const PASSING =
  /shellId: ?[\w-]+|\b\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?|\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?|\b\d+(?:[.,]\d+)? ?(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?)\b/gi;
/** Commands that wait, or that query the state of something outside. */
const WAITS =
  /\b(?:sleep|wait|watch|until|while|tail -f|--watch|--wait|curl|wget|gh|glab|kubectl|docker|podman|ssh|nc|ping|aws|gcloud|az|terraform|systemctl|journalctl|ps|pgrep)\b/;
/** Tools that wait for a background command. */
const WAITING_TOOLS = /^(?:read|wait|list)_/;

/** The calls at the end of a turn that form a repetition. */
export interface Repetition {
  /** Number of its first call, from 0. */
  readonly start: number;
  /** Number of its calls. */
  readonly count: number;
  /** Number of different calls in the cycle. */
  readonly period: number;
  /** The last call, for people. */
  readonly what: string;
  /** ISO 8601: when the first call began. */
  readonly since: string;
  /** Whether the calls seem to wait for something. */
  readonly waits: boolean;
}

interface Call {
  readonly tool: OpenTool;
  /** Absent while the call runs. */
  result?: string;
}

/** Counts the calls of one turn, and detects the repetition that the newest ones form. */
export class RepetitionDetector {
  /** Running calls, and ended ones that began after a running one: calls count in the order in which they began. */
  readonly #open = new Map<string, Call>();
  /** The newest counted calls, newest last. */
  #newest: { readonly signature: string; readonly waits: boolean; readonly since: string }[] = [];
  #calls = 0;
  /** By period: how many of the newest calls in a row equal the call one period before, and since when. */
  readonly #rows = Array.from({ length: MAX_PERIOD + 1 }, () => ({ same: 0, since: '', waits: false }));
  #what = '';

  callStarted(toolCallId: string, tool: OpenTool): void {
    this.#open.set(toolCallId, { tool });
  }

  callEnded(toolCallId: string, result: string): void {
    const call = this.#open.get(toolCallId);
    if (call === undefined) return;
    call.result = result;
    for (const [id, { tool, result: known }] of this.#open) {
      if (known === undefined) return;
      this.#open.delete(id);
      this.#count(tool, known);
    }
  }

  /** Resets the detection: the running calls were stopped, or their results are lost. */
  reset(): void {
    this.#open.clear();
    this.#newest = [];
    for (const row of this.#rows) row.same = 0;
  }

  /** The longest repetition that the newest calls form; of equally long ones, that with the shortest cycle. */
  get current(): Repetition {
    let best = { period: 1, count: 0 };
    this.#rows.forEach(({ same }, period) => {
      const count = same === 0 ? 0 : same + period;
      // A cycle that has occurred only once is no repetition.
      if (same >= period && count > best.count) best = { period, count };
    });
    const { period, count } = best;
    const { since = '', waits = false } = this.#rows[period] ?? {};
    return { ...best, start: this.#calls - count, what: this.#what, since, waits };
  }

  #count(tool: OpenTool, result: string): void {
    const { name, what, arguments: args, since } = tool;
    const normalized = result.slice(0, MAX_RESULT_CHARS).replace(PASSING, '#');
    const signature = createHash('sha256')
      .update(JSON.stringify([name, args ?? null, normalized]))
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
