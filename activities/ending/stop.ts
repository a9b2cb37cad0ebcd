/** `stopSubagent`: ends a subagent on this worker: its turn, its Copilot session, its processes, its slot. */
import type { ControlActivities, StopInput, StopResult, SubagentRef } from '../../src/contract/index.ts';
import { movedFrom } from '../../src/git/branches/branch.ts';
import { holdPrefix } from '../slot/hold-slot.ts';
import type { findProcesses } from '../../src/home/processes.ts';
import type { sweep } from '../../src/home/sweep.ts';
import type { WorkSlots } from '../slot/work-slots.ts';
import { Git } from '../../src/git/git.ts';

/** The Copilot runtime starts these, and no shell of the subagent: they carry nothing by which they could be found. */
const REPOSITORY_CODE = 'what the repository’s own hooks, extensions and MCP servers started';

type Stopped = Extract<StopResult, { kind: 'stopped' }>;

/** What `stopSubagent` needs of its worker. */
export interface StopDependencies {
  readonly slots: WorkSlots;
  /** Gives what the turn had used that it ended, if it ended one. */
  readonly stopCopilotSession: (
    subagent: SubagentRef,
    options: { abort: boolean; over: boolean },
  ) => Promise<Stopped['cutShort']>;
  readonly sweep: typeof sweep;
  readonly findProcesses: typeof findProcesses;
  /** Told when a subagent is over: removes what was never made to its end. Never throws. */
  readonly ended: (subagent: SubagentRef) => Promise<void>;
  readonly releaseCheckout: (repo: string, subagent: SubagentRef) => Promise<void>;
}

export function createStopActivities(deps: StopDependencies): Pick<ControlActivities, 'stopSubagent'> {
  return {
    async stopSubagent(input: StopInput): Promise<StopResult> {
      const { subagent, mode, inPlaceRepo, trustRepo, collected } = input;
      // The abort ends commands that the sweep then does not find.
      const running = mode === 'kill' ? deps.findProcesses(subagent.copilotSessionId) : [];
      const stopCopilotSession = deps.stopCopilotSession(subagent, {
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
        const swept = await deps.sweep(subagent.copilotSessionId, running);
        const sweep = trustRepo ? { ...swept, notChecked: [REPOSITORY_CODE, ...swept.notChecked] } : swept;
        await deps.ended(subagent);
        if (inPlaceRepo !== undefined) await deps.releaseCheckout(inPlaceRepo, subagent);
        // From here on nothing that was found can move the branch any more.
        const movedTo =
          collected && (await movedFrom(Git.at(collected.cwd), collected.branch, collected.head));
        const cutShort = await stopCopilotSession;
        return {
          ...{ kind: 'stopped', sweep },
          ...(movedTo !== undefined && { movedTo }),
          ...(cutShort && { cutShort }),
        };
      } finally {
        deps.slots.releaseAll(holdPrefix(subagent));
      }
    },
  };
}
