import type { Env } from '../system/home-root.ts';

/**
 * `env` without Temporal's own variables, for programs that must not use the user's servers: the embedded server and
 * the tools that get it.
 */
export function withoutTemporal(env: Env): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith('TEMPORAL_'),
    ),
  );
}
