import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { POOL_NAME, POOL_NAME_RULE } from '../../contract/protocol/names.ts';
import { MAX_TIMER_MS, parseDuration } from '../../contract/text/quantities.ts';

/** Appends a repeatable option's value. */
export function repeated(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** Parses the name of a pool. */
export function poolName(value: string): string {
  if (!POOL_NAME.test(value)) throw new InvalidArgumentError(POOL_NAME_RULE);
  return value;
}

/** Appends the name of a pool to those before it. */
export function poolNames(value: string, before: readonly string[] | undefined): string[] {
  return [...new Set([...(before ?? []), poolName(value)])];
}

/** Reads a policy: its name, or what a JSON file says. Whether that is a policy is checked with the spec. */
export function policyFile(value: string): unknown {
  if (/^[\w-]+$/.test(value)) return value;
  try {
    return JSON.parse(readFileSync(value, 'utf8'));
  } catch (error) {
    throw new InvalidArgumentError(
      `name "careful", or a JSON file with a policy (${(error as Error).message})`,
    );
  }
}

/** Accepts the addresses that the embedded server listens on. (On 127.0.0.2 its own parts do not find each other.) */
export function loopback(value: string): string {
  if (value === '127.0.0.1' || value === 'localhost') return value;
  throw new InvalidArgumentError(
    'the server that `up` runs has neither TLS nor a password, so it listens on 127.0.0.1 alone. ' +
      'For other machines, run a server with TLS, and `subagents worker --address <host:port>` (docs/deployment.md)',
  );
}

/** Parses a whole number of at least 0. */
export function count(value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw new InvalidArgumentError('write a whole number, for example 20');
  return Number(value);
}

/** Parses a whole number of at least 1, such as `200000` or `200k`. */
export function amount(value: string): number {
  const [, digits, unit] = /^(\d{1,12})([km]?)$/i.exec(value) ?? [];
  const total = Number(digits) * ({ k: 1_000, m: 1_000_000 }[unit?.toLowerCase() ?? ''] ?? 1);
  if (!(total >= 1)) throw new InvalidArgumentError('write a whole number, for example 200000 or 200k');
  return total;
}

/** Parses a duration such as `90s` to milliseconds. */
export function durationMs(value: string): number {
  const millis = parseDuration(value);
  if (millis === undefined || !(millis > 0 && millis <= MAX_TIMER_MS)) {
    throw new InvalidArgumentError('write a duration like 90s, 15m or 2h, of at most 24 days');
  }
  return Math.round(millis);
}

/** The option that identifies a repeated request. */
export const REQUEST_ID = [
  '--request-id <id>',
  'idempotency key: a repeated request with the same id has no further effect',
] as const;
