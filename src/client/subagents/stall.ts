/** Determines why a live subagent makes no progress, from its workflow's memo and from the server. */
import { isFinal, stalled, STALLED_MEMO, type Stalled, type Absence } from '../../contract/index.ts';
import type { Inspection } from './inspect.ts';

/**
 * The reason why a live subagent makes no progress, if any.
 * @param away the absence of its worker, of which the workflow may not know yet
 * @param failing whether the workflow fails at every attempt
 */
export function stallOf(
  { status, memo, task }: Inspection,
  { away, failing = false }: { readonly away?: Absence | undefined; readonly failing?: boolean },
): Stalled | undefined {
  if (isFinal(status)) return undefined;
  if (away) {
    const { workerId, pool } = away;
    const inPool = pool === undefined ? undefined : `no worker is in pool ${pool}`;
    const detail = workerId === undefined ? inPool : `worker ${workerId}`;
    return { reason: 'worker', since: away.since, ...(detail !== undefined && { detail }) };
  }
  if (failing && task) return { reason: 'workflow', since: task.since.toISOString() };
  return stallFromMemo(memo);
}

/** The reason why a subagent makes no progress, as its workflow wrote it to the memo. */
export const stallFromMemo = (memo: Inspection['memo'] = {}): Stalled | undefined =>
  stalled.safeParse(memo[STALLED_MEMO]).data;
