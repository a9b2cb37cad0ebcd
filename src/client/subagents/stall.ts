/** What a live subagent stands still for, from what its workflow tells and what the server sees of it. */
import { isFinal, stalled, STALLED_MEMO, type Stalled } from '../../contract/index.ts';
import type { Inspection } from './inspect.ts';
import type { Absence } from '../types.ts';

/**
 * @param away its worker, where that gives no sign of life: its workflow may not know yet
 * @param failing whether its workflow fails at each try to go on
 */
export function stallOf(
  { status, memo, task }: Inspection,
  { away, failing = false }: { readonly away?: Absence | undefined; readonly failing?: boolean },
): Stalled | undefined {
  if (isFinal(status)) return undefined;
  if (away) {
    const detail = away.workerId === undefined ? undefined : `worker ${away.workerId}`;
    return { reason: 'worker', since: away.since, ...(detail !== undefined && { detail }) };
  }
  if (failing && task) return { reason: 'workflow', since: task.since.toISOString() };
  return stalledIn(memo);
}

/** What a subagent stands still for, as its workflow has it in its memo. */
export const stalledIn = (memo: Inspection['memo'] = {}): Stalled | undefined =>
  stalled.safeParse(memo[STALLED_MEMO]).data;
