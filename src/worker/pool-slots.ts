/** How many subagents of pools a worker asks the server for: never more than it has room for. */
import type { ActivitySlotInfo, CustomSlotSupplier, TunerHolder } from '@temporalio/worker';
import type { WorkSlots } from '../../activities/slot/work-slots.ts';

/** The other kinds of tasks, of which the queue of a pool has none. */
const NONE = { type: 'fixed-size', numSlots: 1 } as const;

/**
 * Lets the poller of one pool's queue poll only while the worker has a free slot, so that a full worker leaves the
 * subagents of its pools in the queue. A slot that is taken while a poll is under way is missed by `takeSubagent`, which
 * hands its subagent back.
 */
export function pollWhileFree(slots: WorkSlots): TunerHolder {
  let polls = 0;
  let waiting: (() => void)[] = [];
  const wake = (): void => {
    while (polls < slots.free) {
      const [next, ...rest] = waiting;
      if (next === undefined) return;
      waiting = rest;
      polls++;
      next();
    }
  };
  slots.onFree(wake);
  const activities: CustomSlotSupplier<ActivitySlotInfo> = {
    type: 'custom',
    reserveSlot: (_, aborted) =>
      new Promise((resolve, reject) => {
        const grant = (): void => resolve({});
        waiting.push(grant);
        aborted.addEventListener('abort', () => {
          waiting = waiting.filter((other) => other !== grant);
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the SDK expects its own reason
          reject(aborted.reason);
        });
        wake();
      }),
    tryReserveSlot: () => null,
    markSlotUsed: () => undefined,
    releaseSlot: () => {
      polls--;
      wake();
    },
  };
  return {
    activityTaskSlotSupplier: activities,
    workflowTaskSlotSupplier: NONE,
    localActivityTaskSlotSupplier: NONE,
    nexusTaskSlotSupplier: NONE,
  };
}
