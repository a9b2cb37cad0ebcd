/** Which activities run on which of a worker's queues. */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { createAdmitActivities } from '../../activities/session/admit.ts';
import { createCheckActivities } from '../../activities/session/check-worker.ts';
import { createCloneActivities } from '../../activities/workspace/clone.ts';
import { createCleanActivities } from '../../activities/ending/clean.ts';
import { createDeliverActivities } from '../../activities/turn/deliver.ts';
import { createEvidenceActivities } from '../../activities/evidence/evidence.ts';
import { releaseWorkspace } from '../../activities/workspace/in-place.ts';
import { discardIncomplete } from '../../activities/workspace/new-worktree.ts';
import type { WorkSlots } from '../../activities/slot/work-slots.ts';
import { isClosedBy, openRunOn, runStateOn } from '../../activities/ending/run-state.ts';
import { cleanedReporter } from '../../activities/ending/report-cleaned.ts';
import { waitForSpaceFirst } from '../../activities/slot/space-gate.ts';
import { createSaveActivities } from '../../activities/ending/save.ts';
import type { RequireStore } from '../../activities/workspace/checkout.ts';
import { createSetUpActivities } from '../../activities/workspace/set-up.ts';
import { createSlotActivities, type SlotDependencies } from '../../activities/slot/hold-slot.ts';
import { createTakeActivities } from '../../activities/slot/take-subagent.ts';
import { createStopActivities } from '../../activities/ending/stop.ts';
import { createTranscriptActivities } from '../../activities/turn/transcript.ts';
import { createTurnActivities } from '../../activities/turn/turn.ts';
import { createVerifyActivities } from '../../activities/verification/verify.ts';
import { createSessionActivities } from '../../activities/session/watch.ts';
import { gitDirs } from '../git/git-dirs.ts';
import { unlockWorktree } from '../git/worktrees/worktree.ts';
import { createWorkspaceActivities } from '../../activities/workspace/workspace.ts';
import { stopCopilotSession } from '../copilot/session/close.ts';
import { eventLogPath } from '../copilot/log/event-log.ts';
import { cachedModelAccess } from '../copilot/runtime/model-access.ts';
import type { CopilotPool } from '../copilot/runtime/pool.ts';
import type {
  ControlActivities,
  HostActivities,
  PoolActivities,
  SlotActivities,
  SessionActivities,
  WorkerActivities,
} from '../contract/index.ts';
import type { Home } from '../home/home.ts';
import { killedCommands, laterRun, recordRunEnded, type RunRecord } from '../home/run-record.ts';
import type { Settings } from '../home/settings.ts';
import { findProcesses } from '../home/processes.ts';
import { sweep } from '../home/sweep.ts';
import type { Attempts } from './interceptors/one-attempt.ts';
import { withKilledCommandNotes, withRevivedRunNote } from './notes/killed-commands.ts';
import { withProblemsAsFailures } from './notes/problems.ts';

/** How long a stop waits until cancelled activities have undone what they began. */
const CANCEL_TIMEOUT_MS = 3_000;

/** What a worker's activities need. */
export interface WorkerParts {
  readonly home: Home;
  readonly settings: Settings;
  readonly client: Client;
  readonly slots: WorkSlots;
  readonly pool: CopilotPool;
  /** Opens the worker's store. */
  readonly requireStore: RequireStore;
  /** What the worker's store is, if it has one. */
  readonly lookAtStore: () => Promise<{ readonly id: string; readonly place: string } | undefined>;
  /** Attempts that are working on workspaces. */
  readonly attempts: Attempts;
  /** How recent a poll must be to count as a worker's, in milliseconds. */
  readonly pollFreshnessMs?: number | undefined;
}

/** One set of activities for each queue. */
export interface ActivitySets {
  readonly session: SessionActivities;
  readonly host: HostActivities;
  readonly pool: (name: string) => PoolActivities;
  readonly firstSlot: SlotActivities;
  readonly work: WorkerActivities & SlotActivities;
  readonly control: ControlActivities;
}

/** The activities of one worker, by queue. */
export function createActivities({
  home,
  settings,
  client,
  slots,
  pool,
  attempts,
  requireStore,
  lookAtStore,
  pollFreshnessMs,
}: WorkerParts): ActivitySets {
  const runState = runStateOn(client);
  const isClosed = isClosedBy(runState);
  const stop = createStopActivities({
    slots,
    sweep,
    findProcesses,
    ended: async (subagent) => {
      // A cancelled preparation undoes what it began; one that finished first has recorded the run.
      const patience = delay(CANCEL_TIMEOUT_MS, undefined, { ref: false });
      await Promise.race([attempts.get(subagent.runId), patience]);
      const record = recordRunEnded(home, subagent);
      if (record) await unlock(home, record).catch(() => undefined);
      await Promise.race([discardIncomplete(home, subagent).catch(() => undefined), patience]);
    },
    releaseCheckout: releaseWorkspace,
    stopCopilotSession: (subagent, options) => stopCopilotSession(pool, subagent, options),
  });
  const staying: SlotDependencies = {
    client,
    slots,
    workerId: home.workerId,
    isClosed,
    abandon: async (subagent) => {
      await stop.stopSubagent({ subagent, mode: 'kill' });
    },
  };
  const { runTurn } = createTurnActivities({
    pool,
    isClosed,
    space: settings,
    killedCommands: (subagent) => killedCommands(home, subagent),
  });
  const { collectEvidence } = createEvidenceActivities({ home });
  const { cloneRepository, pushBranch } = createCloneActivities({ home, settings, requireStore });
  const { prepareWorkspace } = createWorkspaceActivities({
    home,
    settings,
    runState,
    sweep,
    ended: pool.ended,
    hasConversation: (id) => existsSync(eventLogPath(home.paths.copilot, id)),
  });
  const spacious = { home, space: settings, ended: pool.ended };
  const { setUpWorkspace } = createSetUpActivities({
    home,
    sweep,
    redactor: pool.redactor,
    ended: pool.ended,
    space: settings,
  });
  const { verifyCommit } = createVerifyActivities({
    home,
    redactor: pool.redactor,
    ended: pool.ended,
    space: settings,
  });
  const session = createSessionActivities({ client, pollFreshnessMs });
  const host = {
    ...createAdmitActivities({
      home,
      settings,
      runState,
      requireStore,
      env: pool.env,
      modelAccess: cachedModelAccess(pool.env),
    }),
    ...createCheckActivities({ home, settings, client, env: pool.env, lookAtStore }),
  };
  return {
    session,
    host,
    pool: (name) =>
      createTakeActivities(
        {
          ...host,
          slots,
          workerId: home.workerId,
          findPoolWorkers: (of) => session.findPoolWorkers({ pool: of }),
        },
        name,
      ),
    firstSlot: createSlotActivities(staying, { returning: false }),
    work: {
      ...createSlotActivities(staying, { returning: true }),
      cloneRepository: waitForSpaceFirst(spacious, cloneRepository),
      pushBranch,
      ...createSaveActivities(requireStore),
      prepareWorkspace: waitForSpaceFirst(spacious, prepareWorkspace),
      setUpWorkspace: withProblemsAsFailures(setUpWorkspace),
      runTurn: withProblemsAsFailures(withRevivedRunNote(home, withKilledCommandNotes(home, runTurn))),
      collectEvidence: waitForSpaceFirst(spacious, withKilledCommandNotes(home, collectEvidence)),
      verifyCommit: withProblemsAsFailures(withKilledCommandNotes(home, verifyCommit)),
    },
    control: {
      ...host,
      ...createDeliverActivities({ pool }),
      ...createCleanActivities({
        home,
        runState,
        openRun: openRunOn(client),
        reportCleaned: cleanedReporter(client),
      }),
      ...createTranscriptActivities({ copilotHome: home.paths.copilot, redactor: pool.redactor }),
      ...stop,
    },
  };
}

/** Unlocks the worktree of an ended run, so that it may be removed, unless a later run continues in it. */
async function unlock(home: WorkerParts['home'], record: RunRecord): Promise<void> {
  const { isolation, repository, cwd } = record;
  if (isolation === 'worktree' && laterRun(home, record) === undefined)
    await unlockWorktree({ cwd, commonDir: gitDirs(repository).commonDir });
}
