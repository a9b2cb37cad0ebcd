/**
 * Pauses before a retry, in milliseconds, spread by `seed` and equal at every replay; and the text that announces a
 * retry.
 */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** After `failures` failures in a row: 5 s, 10 s, 20 s, … at most 5 minutes, plus up to a quarter. */
export function backoff(failures: number, seed: number): number {
  return spread(Math.min(5 * SECOND * 2 ** (failures - 1), 5 * MINUTE), seed + failures);
}

/** Duration of wait number `waits` for new credentials: 1 minute, 2, 4, … at most an hour. */
export function credentialsPause(waits: number, seed: number): number {
  return spread(Math.min(MINUTE * 2 ** (waits - 1), 60 * MINUTE), seed + waits);
}

/** Duration of wait number `waits` for a limit to pass: `firstMs` at first, then doubled each time, at most an hour. */
export function limitPause(firstMs: number, waits: number, seed: number): number {
  return spread(Math.max(firstMs, Math.min(firstMs * 2 ** (waits - 1), 60 * MINUTE)), seed + waits);
}

/** Pause before the next check for a worker, after `looks` checks: 30 s, 1 minute, 2, … at most 10 minutes. */
export function workerCheckPause(looks: number): number {
  return Math.min(30 * SECOND * 2 ** looks, 10 * MINUTE);
}

/** Text saying that a failed attempt is repeated, and when; to the second, because most pauses are short. */
export const retryText = ({ ms, why }: { readonly ms: number; readonly why: string }): string =>
  `next attempt at ${new Date(Date.now() + ms).toISOString().slice(11, 19)} UTC: ${why}`;

/** `ms` plus up to a quarter, so that many subagents do not retry at the same moment. */
function spread(ms: number, seed: number): number {
  return Math.round(ms * (1 + 0.25 * fraction(seed)));
}

/** A pseudo-random number in [0, 1) derived from `seed`: one round of mulberry32. */
function fraction(seed: number): number {
  let t = (seed + 0x6d2b79f5) | 0;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
