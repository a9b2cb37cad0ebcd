/**
 * Checks that a child process answers: one that is suspended, or whose only thread is busy forever, is alive but does
 * not.
 */
import type { ChildProcess } from 'node:child_process';

/** Milliseconds between checks. */
const CHECK_INTERVAL_MS = 1_000;
/**
 * A longer interval between two checks means that this process itself was suspended, so the rest is not counted as
 * silence.
 */
const LONGEST_STEP_MS = 2 * CHECK_INTERVAL_MS;

/** Messages between this process and the child, which answers `PING` with `PONG`. */
const PING = { kind: 'ping' };
const PONG = { kind: 'pong' };

/** Answers the heartbeat of the process that started this one, as long as this thread runs. */
export function answerHeartbeat(): void {
  process.on('message', (message: unknown) => {
    if (isKind(message, PING) && process.connected)
      process.send?.(PONG, undefined, undefined, () => undefined);
  });
}

/** When a child counts as silent, and what happens then. */
export interface HeartbeatOptions {
  /**
   * Silence after which the child is given up, in milliseconds; counted only while this process and the machine run.
   */
  readonly silentMs: number;
  /** Called once, when the child is given up. */
  readonly onSilent: () => void;
}

/** Watches a child that calls `answerHeartbeat`, until the returned function is called. */
export function watchHeartbeat(child: ChildProcess, { silentMs, onSilent }: HeartbeatOptions): () => void {
  let silence = 0;
  let pending = false;
  let checkedAt = performance.now();
  const onMessage = (message: unknown): void => {
    if (!isKind(message, PONG)) return;
    pending = false;
    silence = 0;
  };
  const check = (): void => {
    const now = performance.now();
    const step = Math.min(now - checkedAt, LONGEST_STEP_MS);
    checkedAt = now;
    // One ping at a time, so that they do not queue up for a suspended child.
    if (pending) silence += step;
    else if (child.connected) {
      pending = true;
      child.send(PING, () => undefined);
    }
    if (silence < silentMs) return;
    end();
    onSilent();
  };
  const timer = setInterval(check, CHECK_INTERVAL_MS);
  child.on('message', onMessage);
  const end = (): void => {
    clearInterval(timer);
    child.off('message', onMessage);
  };
  return end;
}

const isKind = (message: unknown, { kind }: { readonly kind: string }): boolean =>
  typeof message === 'object' && message !== null && 'kind' in message && message.kind === kind;
