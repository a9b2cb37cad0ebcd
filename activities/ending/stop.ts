/**
 * `stopSubagent`: ends a subagent on this worker, with its turn, its Copilot session, its processes and its slot.
 */
import type { ControlActivities, StopInput, StopResult, SubagentRef } from '../../src/contract/index.ts';
import { branchMovedFrom } from '../../src/git/branches/branch.ts';
import { holdPrefix } from '../slot/hold-slot.ts';
import type { findProcesses } from '../../src/home/processes.ts';
import type { sweep } from '../../src/home/sweep.ts';
import type { WorkSlots } from '../slot/work-slots.ts';
import { Git } from '../../src/git/git.ts';

/**
 * The Copilot runtime starts these itself, not through a shell of the subagent, so they carry no mark to find them
 * by.
 */
const REPOSITORY_CODE = 'processes that the repository’s own hooks, extensions and MCP servers started';

type Stopped = Extract<StopResult, { kind: 'stopped' }>;

/** What `stopSubagent` needs of its worker. */
export interface StopDependencies {
  readonly slots: WorkSlots;
  /** Returns the usage of the turn that it ended; undefined when no turn was running. */
  readonly stopCopilotSession: (
    subagent: SubagentRef,
    options: { abort: boolean; over: boolean },
  ) => Promise<Stopped['cutShort']>;
  readonly sweep: typeof sweep;
  readonly findProcesses: typeof findProcesses;
  /**
   * Called when a subagent is over: records its end, and removes a worktree that was never completed. Never throws.
   */
  readonly ended: (subagent: SubagentRef) => Promise<void>;
  readonly releaseCheckout: (repo: string, subagent: SubagentRef) => Promise<void>;
}

/** Creates the `stopSubagent` activity. */
export function createStopActivities(deps: StopDependencies): Pick<ControlActivities, 'stopSubagent'> {
  return {
    async stopSubagent(input: StopInput): Promise<StopResult> {
      const { subagent, mode, inPlaceRepo, trustRepo, collected } = input;
      // Listed before the abort: the abort ends commands, and the sweep would then not find them.
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
        // A failure to stop the Copilot session must not prevent the remaining cleanup.
        await stopCopilotSession.catch(() => undefined);
        const swept = await deps.sweep(subagent.copilotSessionId, running);
        const sweep = trustRepo ? { ...swept, notChecked: [REPOSITORY_CODE, ...swept.notChecked] } : swept;
        await deps.ended(subagent);
        if (inPlaceRepo !== undefined) await deps.releaseCheckout(inPlaceRepo, subagent);
        // All processes that were found are gone, so none of them can move the branch after this check.
        const movedTo =
          collected && (await branchMovedFrom(Git.at(collected.cwd), collected.branch, collected.head));
        const cutShort = await stopCopilotSession;
        return {
          kind: 'stopped',
          sweep,
          ...(movedTo !== undefined && { movedTo }),
          ...(cutShort && { cutShort }),
        };
      } finally {
        deps.slots.releaseAll(holdPrefix(subagent));
      }
    },
  };
}
