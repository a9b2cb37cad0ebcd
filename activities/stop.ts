/** `stopSubagent`: ends a subagent on this worker: its turn, its Copilot session, its processes, its room. */
import type { ControlActivities, StopInput, StopResult, SubagentRef } from '../src/contract/index.ts';
import { stayPrefix } from './stay.ts';
import type { sweep } from '../src/home/sweep.ts';
import type { Room } from './room.ts';

type Stopped = Extract<StopResult, { kind: 'stopped' }>;

/** What `stopSubagent` needs of its worker. */
export interface StopDependencies {
  readonly room: Room;
  /** Gives what the turn had used that it ended, if it ended one. */
  readonly stopCopilotSession: (
    subagent: SubagentRef,
    options: { abort: boolean; over: boolean },
  ) => Promise<Stopped['cutShort']>;
  readonly sweep: typeof sweep;
  /** Told when a subagent is over. Never throws. */
  readonly ended: (subagent: SubagentRef) => Promise<void>;
  readonly releaseCheckout: (repo: string, subagent: SubagentRef) => Promise<void>;
}

export function createStopActivities(on: StopDependencies): Pick<ControlActivities, 'stopSubagent'> {
  return {
    async stopSubagent({ subagent, mode, inPlaceRepo }: StopInput): Promise<StopResult> {
      const stopCopilotSession = on.stopCopilotSession(subagent, {
        abort: mode === 'kill',
        over: mode !== 'pause',
      });
      try {
        if (mode === 'pause') {
          await stopCopilotSession;
          return { kind: 'stopped' };
        }
        // What fails of it keeps nothing else from being ended.
        await stopCopilotSession.catch(() => undefined);
        const sweep = await on.sweep(subagent.copilotSessionId);
        await on.ended(subagent);
        if (inPlaceRepo !== undefined) await on.releaseCheckout(inPlaceRepo, subagent);
        const cutShort = await stopCopilotSession;
        return { kind: 'stopped', sweep, ...(cutShort && { cutShort }) };
      } finally {
        on.room.leaveAll(stayPrefix(subagent));
      }
    },
  };
}
