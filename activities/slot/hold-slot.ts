/** `holdSlot`: runs as long as a subagent holds one of this worker's slots. */
import { cancellationSignal, cancelled, Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import {
  signalName,
  SUBAGENT,
  type SlotActivities,
  type SlotGranted,
  type HoldSlotInput,
  type HoldSlotResult,
  type SubagentRef,
} from '../../src/contract/index.ts';
import type { WorkSlots } from './work-slots.ts';

/** What `holdSlot` needs of its worker. */
export interface SlotDependencies {
  readonly client: Client;
  readonly workerId: string;
  readonly slots: WorkSlots;
  /**
   * Whether the subagent's workflow has ended. If only the hold was given up because it was silent, the workflow
   * goes on, perhaps with a newer hold.
   */
  readonly isClosed: (subagent: SubagentRef) => Promise<boolean>;
  /**
   * Ends the subagent's Copilot session and processes. Called when its workflow was terminated, so that nobody else
   * will.
   */
  readonly abandon: (subagent: SubagentRef) => Promise<void>;
}

/** The prefix of the slot keys of a subagent's holds; the number of the hold follows the `#`. */
export const holdPrefix = ({ workflowId, runId }: SubagentRef): string => `${workflowId} ${runId}#`;

/** The key of a slot that is reserved for a subagent until it holds one. */
export const reservedKey = (subagent: SubagentRef): string => `${holdPrefix(subagent)}reserved`;

/**
 * Creates the `holdSlot` activity. `returning`: the activity's queue belongs to this worker alone, so the subagent
 * held a slot here before.
 */
export function createSlotActivities(
  deps: SlotDependencies,
  { returning }: { returning: boolean },
): SlotActivities {
  return {
    async holdSlot({ subagent, hold }: HoldSlotInput): Promise<HoldSlotResult> {
      const key = `${holdPrefix(subagent)}${hold}`;
      try {
        const slot =
          deps.slots.takeOver(reservedKey(subagent), key) ??
          (await deps.slots.acquire(key, returning, cancellationSignal()));
        const granted: SlotGranted = { hold, workerId: deps.workerId };
        const name = signalName(SUBAGENT.slotGranted, `slot on ${deps.workerId}`);
        await deps.client.workflow.getHandle(subagent.workflowId).signal(name, granted);
        await Promise.race([slot.released, cancelled()]);
        return { kind: 'released' };
      } catch (error) {
        if (isShutdown()) return { kind: 'interrupted' };
        if (await deps.isClosed(subagent)) await deps.abandon(subagent);
        throw error;
      } finally {
        deps.slots.release(key);
      }
    },
  };
}

/** Whether the activity was cancelled because its worker stops. */
function isShutdown(): boolean {
  return Context.current().cancellationDetails?.workerShutdown ?? false;
}
