/** `stay`: the time a subagent occupies room on this worker. */
import { cancellationSignal, cancelled, Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import {
  signalName,
  SUBAGENT,
  type PlaceActivities,
  type Placed,
  type StayInput,
  type StayResult,
  type SubagentRef,
} from '../src/contract/index.ts';
import type { Room } from './room.ts';

/** What `stay` needs of its worker. */
export interface StayDependencies {
  readonly client: Client;
  readonly workerId: string;
  readonly room: Room;
  /** Whether the subagent's workflow has ended. One that was given up only as silent goes on, perhaps in a newer stay. */
  readonly isClosed: (subagent: SubagentRef) => Promise<boolean>;
  /** Ends the subagent's Copilot session and processes: its workflow was terminated, so nobody else will. */
  readonly abandon: (subagent: SubagentRef) => Promise<void>;
}

/** Identifies a stay in the room; a subagent's stays share the part before the `#`. */
export const stayPrefix = ({ workflowId, runId }: SubagentRef): string => `${workflowId} ${runId}#`;

/** `returning`: the queue is the worker's own, so the subagent had room here before. */
export function createStayActivities(
  on: StayDependencies,
  { returning }: { returning: boolean },
): PlaceActivities {
  return {
    async stay({ subagent, stay }: StayInput): Promise<StayResult> {
      const key = `${stayPrefix(subagent)}${stay}`;
      try {
        const place = await on.room.take(key, returning, cancellationSignal());
        const placed: Placed = { stay, workerId: on.workerId };
        const name = signalName(SUBAGENT.placed, `room on ${on.workerId}`);
        await on.client.workflow.getHandle(subagent.workflowId).signal(name, placed);
        await Promise.race([place.left, cancelled()]);
        return { kind: 'left' };
      } catch (error) {
        if (isShutdown()) return { kind: 'handed-back' };
        if (await on.isClosed(subagent)) await on.abandon(subagent);
        throw error;
      } finally {
        on.room.leave(key);
      }
    },
  };
}

/** Whether the activity was cancelled because its worker stops. */
function isShutdown(): boolean {
  return Context.current().cancellationDetails?.workerShutdown ?? false;
}
