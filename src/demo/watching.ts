/** Tells what the three do, from their transcripts, as it happens. */
import type { SessionHandle, TranscriptEntry } from '../client/index.ts';
import { setTimeout as delay } from 'node:timers/promises';
import { oneLine } from '../contract/index.ts';
import { span, withoutWorktree, type Narrator } from './narrator.ts';

const MAX_WORDS_CHARS = 120;
const MAX_COMMAND_CHARS = 80;
/** Of a command that was told before. */
const MAX_NAME_CHARS = 50;
const RETRY_MS = 250;

/** A result that took less, in milliseconds, and was good, goes without saying. */
const QUICK_MS = 1_000;

/** Follows what the subagents of a session do. */
export class Watching {
  readonly #session: SessionHandle;
  readonly #narrator: Narrator;
  readonly #home: string;
  /** Tool calls under way, by label and id. */
  readonly #open = new Map<string, Map<string, string>>();

  /** `home`: of whose worktrees paths are shortened. */
  constructor(session: SessionHandle, narrator: Narrator, home: string) {
    this.#home = home;
    this.#session = session;
    this.#narrator = narrator;
  }

  /** Whether it was told that `label` runs something that has not ended. */
  runs(label: string): boolean {
    return this.#callsOf(label).size > 0;
  }

  /** Follows the transcript of `label` until it ends, also across the death of the worker that reads it. Ends with `signal`. */
  async follow(label: string, signal: AbortSignal): Promise<void> {
    for (let told = 0; !signal.aborted;) {
      let read = 0;
      try {
        for await (const entry of this.#session.subagent(label).transcript({ follow: true, signal })) {
          // A second reading begins at the beginning.
          if (++read <= told) continue;
          told = read;
          this.#tell(label, entry);
        }
        return;
      } catch {
        // The worker that has the transcript is away: it comes back, or the wait for the outcome says why not.
        await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Tells when one is being verified, which no transcript has. Ends with `signal`. */
  async followStatuses(signal: AbortSignal): Promise<void> {
    const last = new Map<string, string>();
    while (!signal.aborted) {
      try {
        for (const { label, status } of (await this.#session.list({ progress: false, finished: 0 })).live) {
          if (status === 'verifying' && last.get(label) !== status)
            this.#narrator.say(label, 'verifying', 'has finished; its commit is being verified');
          last.set(label, status);
        }
      } catch {
        // No worker answers at this moment.
      }
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  #callsOf(label: string): Map<string, string> {
    const calls = this.#open.get(label) ?? new Map<string, string>();
    this.#open.set(label, calls);
    return calls;
  }

  #tell(
    label: string,
    { kind, text, tool, toolCallId = '', exitCode, ok, durationMs = 0 }: TranscriptEntry,
  ): void {
    const narrator = this.#narrator;
    const calls = this.#callsOf(label);
    switch (kind) {
      case 'message':
        return narrator.say(label, 'says', `“${oneLine(text, MAX_WORDS_CHARS)}”`);
      case 'tool': {
        const what = oneLine(withoutWorktree(text.replace(/^bash: /, ''), this.#home), MAX_COMMAND_CHARS);
        calls.set(toolCallId, what);
        return narrator.say(label, 'runs', `runs ${what}`, { tool });
      }
      case 'tool-result': {
        const what = oneLine(calls.get(toolCallId) ?? 'a tool', MAX_NAME_CHARS);
        calls.delete(toolCallId);
        if (exitCode === 0 && durationMs < QUICK_MS) return;
        const how = exitCode === undefined ? withoutExitCode(text, ok) : `exit code ${exitCode}`;
        return narrator.say(label, 'ran', `${what}: ${how} after ${span(durationMs)}`, {
          exitCode,
          durationMs,
        });
      }
      case 'steer':
        return narrator.say(label, 'reads', 'has the message in its conversation');
      case 'warning':
      case 'error':
        return narrator.say(label, kind, `Copilot notes: ${oneLine(text, MAX_WORDS_CHARS)}`);
      default:
        return;
    }
  }
}

/** How a call came back that gave no exit code. */
function withoutExitCode(text: string, ok: boolean | undefined): string {
  if (/moved to background/.test(text)) return 'goes on in the background';
  if (/interrupted/i.test(text)) return 'interrupted';
  return ok === false ? `failed (${oneLine(text, MAX_NAME_CHARS)})` : 'done';
}
