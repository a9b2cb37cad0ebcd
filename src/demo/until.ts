import { setTimeout as delay } from 'node:timers/promises';
import { SubagentsError } from '../contract/index.ts';

const INTERVAL_MS = 150;

/**
 * Polls `ask` until it returns an answer.
 * @returns the answer; undefined if there was none in time. @throws the signal's reason
 */
export async function pollUntil<T>(
  ask: () => Promise<T | undefined> | T | undefined,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<T | undefined> {
  for (const deadline = Date.now() + timeoutMs; ; await delay(INTERVAL_MS)) {
    signal.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) return undefined;
  }
}

/** `value`; if undefined, throws an error that says what did not happen in time. @throws SubagentsError TIMEOUT */
export function requireInTime<T>(value: T | undefined, what: string, timeoutMs: number): T {
  if (value !== undefined) return value;
  throw new SubagentsError('TIMEOUT', `${what} did not happen within ${timeoutMs / 1_000} s`);
}
