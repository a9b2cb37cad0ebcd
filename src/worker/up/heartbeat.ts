/** Whether a child process answers, and not only lives: one that was stopped, or whose only thread is busy for good, does not. */
import type { ChildProcess } from 'node:child_process';

/** Between two looks, in milliseconds. */
const LOOK_EVERY_MS = 1_000;
/** A longer time between two looks, and this process stood still itself, with the machine or alone: that is no silence of the other's. */
const LONGEST_STEP_MS = 2 * LOOK_EVERY_MS;

/** Asks the child; it answers with `PONG`. */
const PING = { kind: 'ping' };
const PONG = { kind: 'pong' };

/** Answers the heartbeat of the process that started this one, as long as this thread runs. */
export function answerHeartbeat(): void {
  process.on('message', (message: unknown) => {
    if (isKind(message, PING) && process.connected)
      process.send?.(PONG, undefined, undefined, () => undefined);
  });
}

export interface HeartbeatOptions {
  /** Silence after which it is given up, in milliseconds; counted only while this process and the machine run. */
  readonly silentMs: number;
  /** Called once. */
  readonly onSilent: () => void;
}

/** Watches a child that answers (`answerHeartbeat`), until the returned function is called. */
export function watchHeartbeat(child: ChildProcess, { silentMs, onSilent }: HeartbeatOptions): () => void {
  let silence = 0;
  let asked = false;
  let looked = performance.now();
  const hear = (message: unknown): void => {
    if (!isKind(message, PONG)) return;
    asked = false;
    silence = 0;
  };
  const look = (): void => {
    const now = performance.now();
    const step = Math.min(now - looked, LONGEST_STEP_MS);
    looked = now;
    // One question at a time: they do not pile up before one that is stopped.
    if (asked) silence += step;
    else if (child.connected) {
      asked = true;
      child.send(PING, () => undefined);
    }
    if (silence < silentMs) return;
    end();
    onSilent();
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  child.on('message', hear);
  const end = (): void => {
    clearInterval(timer);
    child.off('message', hear);
  };
  return end;
}

const isKind = (message: unknown, { kind }: { readonly kind: string }): boolean =>
  typeof message === 'object' && message !== null && 'kind' in message && message.kind === kind;
