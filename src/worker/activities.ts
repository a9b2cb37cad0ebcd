/** Which activities run on which of a worker's queues. */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { createAdmitActivities } from '../../activities/admit.ts';
import { createCloneActivities } from '../../activities/clone.ts';
import { createCleanActivities } from '../../activities/clean.ts';
import { createDeliverActivities } from '../../activities/deliver.ts';
import { createEvidenceActivities } from '../../activities/evidence.ts';
import { releaseWorkspace } from '../../activities/in-place.ts';
import { discardHalfMade } from '../../activities/new-worktree.ts';
import type { Room } from '../../activities/room.ts';
import { isClosedBy, openRunOn, runStateOn } from '../../activities/run-state.ts';
import { tellCleanedBy } from '../../activities/tell-cleaned.ts';
import { onceSpace } from '../../activities/space-gate.ts';
import { createSetUpActivities } from '../../activities/set-up.ts';
import { createStayActivities, type StayDependencies } from '../../activities/stay.ts';
import { createStopActivities } from '../../activities/stop.ts';
import { createTranscriptActivities } from '../../activities/transcript.ts';
import { createTurnActivities } from '../../activities/turn.ts';
import { createVerifyActivities } from '../../activities/verify.ts';
import { createSessionActivities } from '../../activities/watch.ts';
import { endWatch } from '../git/program-watch.ts';
import { gitDirs } from '../git/repository.ts';
import { unlockWorktree } from '../git/worktree.ts';
import { createWorkspaceActivities } from '../../activities/workspace.ts';
import { stopCopilotSession } from '../copilot/close.ts';
import { eventLogPath } from '../copilot/event-log.ts';
import { rememberModelAccess } from '../copilot/model-access.ts';
import type { CopilotPool } from '../copilot/pool.ts';
import type {
  ControlActivities,
  HostActivities,
  PlaceActivities,
  SessionActivities,
  WorkerActivities,
} from '../contract/index.ts';
import type { Home } from '../home/home.ts';
import { cutOffOf, laterRun, noteRunEnded, type RunRecord } from '../home/run-record.ts';
import type { Settings } from '../home/settings.ts';
import { findProcesses } from '../home/processes.ts';
import { sweep } from '../home/sweep.ts';
import type { Attempts } from './one-attempt.ts';
import { tellingCutOff, tellingEnd } from './telling.ts';
import { tellingProblems } from './telling-problems.ts';

/** How long a stop waits for what was cancelled with it to undo what it had begun. */
const MAX_UNDOING_MS = 3_000;

/** What a worker's activities work with. */
export interface WorkerParts {
  readonly home: Home;
  readonly settings: Settings;
  readonly client: Client;
  readonly room: Room;
  readonly pool: CopilotPool;
  /** What works on workspaces now. */
  readonly attempts: Attempts;
  /** How fresh a poll must be to count as a worker's, in milliseconds. */
  readonly pollFreshnessMs?: number | undefined;
}

/** One set for each queue. */
export interface ActivitySets {
  readonly session: SessionActivities;
  readonly host: HostActivities;
  readonly firstStay: PlaceActivities;
  readonly work: WorkerActivities & PlaceActivities;
  readonly control: ControlActivities;
}

/** The activities of one worker, by queue. */
export function createActivities({
  home,
  settings,
  client,
  room,
  pool,
  attempts,
  pollFreshnessMs,
}: WorkerParts): ActivitySets {
  const runState = runStateOn(client);
  const isClosed = isClosedBy(runState);
  const stop = createStopActivities({
    room,
    sweep,
    findProcesses,
    ended: async (subagent) => {
      // A making that was cancelled undoes what it had begun; one that was faster has noted that there is a run.
      const patience = delay(MAX_UNDOING_MS, undefined, { ref: false });
      await Promise.race([attempts.get(subagent.runId), patience]);
      const record = noteRunEnded(home, subagent);
      if (record) await unlock(home, record).catch(() => undefined);
      // Left as live, more is taken for planted than was: that keeps no end from being one.
      if (record) await endWatch(record.repository, subagent.runId).catch(() => undefined);
      await Promise.race([discardHalfMade(home, subagent).catch(() => undefined), patience]);
    },
    releaseCheckout: releaseWorkspace,
    stopCopilotSession: (subagent, options) => stopCopilotSession(pool, subagent, options),
  });
  const staying: StayDependencies = {
    client,
    room,
    workerId: home.workerId,
    isClosed,
    abandon: async (subagent) => {
      await stop.stopSubagent({ subagent, mode: 'kill' });
    },
  };
  const { runTurn } = createTurnActivities({
    ...{ pool, isClosed },
    space: settings,
    cutOff: (subagent) => cutOffOf(home, subagent),
  });
  const { collectEvidence } = createEvidenceActivities({ home });
  const { cloneRepository, pushBranch } = createCloneActivities({ home, settings });
  const { prepareWorkspace } = createWorkspaceActivities({
    ...{ home, settings, runState, sweep },
    ended: pool.ended,
    hasConversation: (id) => existsSync(eventLogPath(home.paths.copilot, id)),
  });
  const spacious = { home, space: settings, ended: pool.ended };
  const { setUpWorkspace } = createSetUpActivities({
    ...{ home, sweep },
    redactor: pool.redactor,
    ended: pool.ended,
    space: settings,
  });
  const { verifyCommit } = createVerifyActivities({
    ...{ home, redactor: pool.redactor, ended: pool.ended },
    space: settings,
  });
  return {
    session: createSessionActivities({ client, pollFreshnessMs }),
    host: createAdmitActivities({
      ...{ home, settings, runState, env: pool.env },
      modelAccess: rememberModelAccess(pool.env),
    }),
    firstStay: createStayActivities(staying, { returning: false }),
    work: {
      ...createStayActivities(staying, { returning: true }),
      cloneRepository: onceSpace(spacious, cloneRepository),
      pushBranch,
      prepareWorkspace: onceSpace(spacious, prepareWorkspace),
      setUpWorkspace: tellingProblems(setUpWorkspace),
      runTurn: tellingProblems(tellingEnd(home, tellingCutOff(home, runTurn))),
      collectEvidence: onceSpace(spacious, tellingCutOff(home, collectEvidence)),
      verifyCommit: tellingProblems(tellingCutOff(home, verifyCommit)),
    },
    control: {
      ...createDeliverActivities({ pool }),
      ...createCleanActivities({
        ...{ home, runState },
        openRun: openRunOn(client),
        tellCleaned: tellCleanedBy(client),
      }),
      ...createTranscriptActivities({ copilotHome: home.paths.copilot, redactor: pool.redactor }),
      ...stop,
    },
  };
}

/** From now on anybody may remove its worktree, unless a later run goes on in it. */
async function unlock(home: WorkerParts['home'], record: RunRecord): Promise<void> {
  const { isolation, repository, cwd } = record;
  if (isolation === 'worktree' && laterRun(home, record) === undefined)
    await unlockWorktree({ cwd, commonDir: gitDirs(repository).commonDir });
}
