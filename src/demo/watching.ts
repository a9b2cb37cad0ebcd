/** Prints what the three subagents do as it happens, from their transcripts. */
import type { SessionHandle, TranscriptEntry } from '../client/index.ts';
import { setTimeout as delay } from 'node:timers/promises';
import { oneLine } from '../contract/index.ts';
import { elapsedText, withoutWorktree, type Narrator } from './narrator.ts';

const MAX_WORDS_CHARS = 120;
const MAX_COMMAND_CHARS = 80;
/** Characters of a command that was printed before. */
const MAX_NAME_CHARS = 50;
const RETRY_MS = 250;

/** Successful results that took fewer milliseconds than this are not printed. */
const QUICK_MS = 1_000;

/** Follows the activity of a session's subagents. */
export class ActivityFollower {
  readonly #session: SessionHandle;
  readonly #narrator: Narrator;
  readonly #home: string;
  /** Running tool calls, by label and id. */
  readonly #open = new Map<string, Map<string, string>>();

  /** `home`: paths in its worktrees are shortened. */
  constructor(session: SessionHandle, narrator: Narrator, home: string) {
    this.#home = home;
    this.#session = session;
    this.#narrator = narrator;
  }

  /** Whether `label` runs a tool call that was printed and has not ended. */
  runs(label: string): boolean {
    return this.#callsOf(label).size > 0;
  }

  /**
   * Follows the transcript of `label` until it ends or `signal` is aborted, even if the worker that reads it dies
   * meanwhile.
   */
  async follow(label: string, signal: AbortSignal): Promise<void> {
    for (let told = 0; !signal.aborted;) {
      let read = 0;
      try {
        for await (const entry of this.#session.subagent(label).transcript({ follow: true, signal })) {
          // A second reading starts from the beginning; skip what was printed.
          if (++read <= told) continue;
          told = read;
          this.#print(label, entry);
        }
        return;
      } catch {
        // The worker that has the transcript is away. It returns, or the wait for the outcome reports why not.
        await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Reports when a subagent is being verified, which transcripts do not show, until `signal` is aborted. */
  async followStatuses(signal: AbortSignal): Promise<void> {
    const last = new Map<string, string>();
    while (!signal.aborted) {
      try {
        for (const { label, status } of (await this.#session.list({ progress: false, finished: 0 })).live) {
          if (status === 'verifying' && last.get(label) !== status)
            this.#narrator.report(label, 'verifying', 'has finished; its commit is being verified');
          last.set(label, status);
        }
      } catch {
        // No worker answers at the moment.
      }
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  #callsOf(label: string): Map<string, string> {
    const calls = this.#open.get(label) ?? new Map<string, string>();
    this.#open.set(label, calls);
    return calls;
  }

  #print(
    label: string,
    { kind, text, tool, toolCallId = '', exitCode, ok, durationMs = 0 }: TranscriptEntry,
  ): void {
    const narrator = this.#narrator;
    const calls = this.#callsOf(label);
    switch (kind) {
      case 'message':
        return narrator.report(label, 'says', `“${oneLine(text, MAX_WORDS_CHARS)}”`);
      case 'tool': {
        const what = oneLine(withoutWorktree(text.replace(/^bash: /, ''), this.#home), MAX_COMMAND_CHARS);
        calls.set(toolCallId, what);
        return narrator.report(label, 'runs', `runs ${what}`, { tool });
      }
      case 'tool-result': {
        const what = oneLine(calls.get(toolCallId) ?? 'a tool', MAX_NAME_CHARS);
        calls.delete(toolCallId);
        if (exitCode === 0 && durationMs < QUICK_MS) return;
        const how = exitCode === undefined ? withoutExitCode(text, ok) : `exit code ${exitCode}`;
        return narrator.report(label, 'ran', `${what}: ${how} after ${elapsedText(durationMs)}`, {
          exitCode,
          durationMs,
        });
      }
      case 'steer':
        return narrator.report(label, 'reads', 'has the message in its conversation');
      case 'warning':
      case 'error':
        return narrator.report(label, kind, `Copilot notes: ${oneLine(text, MAX_WORDS_CHARS)}`);
      default:
        return;
    }
  }
}

/** The result of a call without an exit code. */
function withoutExitCode(text: string, ok: boolean | undefined): string {
  if (/moved to background/.test(text)) return 'continues in the background';
  if (/interrupted/i.test(text)) return 'interrupted';
  return ok === false ? `failed (${oneLine(text, MAX_NAME_CHARS)})` : 'done';
}
