/**
 * The reports whose types a program meets, each with its doc comment. `types.ts` is written from this table: an editor
 * shows the descriptions of the schemas there.
 */
import type { z } from 'zod';
import { announcement } from '../protocol/announcement.ts';
import { auditEntry } from '../outcome/audit.ts';
import { approval, decidedApproval } from '../outcome/approval.ts';
import { caveat } from '../outcome/caveat.ts';
import { stepView } from '../chains/chain-step.ts';
import {
  answerReceipt,
  approvalReceipt,
  cleaned,
  question,
  receipt,
  sessionEntry,
  transcriptEntry,
} from '../protocol/messages.ts';
import { evidence, outcome, sweepReport, usage, verification } from '../outcome/outcome.ts';
import { stalled } from '../status/stalled.ts';
import { cleanedRun, cleanReport, killReport, mergeReport, openApproval, subagentDiff } from './actions.ts';
import { check, poolCheck } from './check.ts';
import { subagentDescription } from './description.ts';
import { errorReport, identity } from './identity.ts';
import {
  absence,
  activityProgress,
  fleetList,
  sessionListing,
  sessionOverview,
  subagentRow,
} from './listing.ts';
import { serverInfo } from './server.ts';
import { spawnAccepted, spawnRefused } from './spawned.ts';
import { workerInfo, workerList } from './worker.ts';
import { workerDescription } from '../protocol/worker.ts';

/** A report with a type of its own. */
export interface Documented {
  readonly about: string;
  readonly schema: z.ZodObject;
  /** The name of the report whose fields this one has, too. */
  readonly base?: string;
}

export const DOCUMENTED = {
  SubagentIdentity: { about: 'Identifies one run of a subagent.', schema: identity },
  ErrorReport: { about: 'An error, as every face reports it.', schema: errorReport },
  ServerInfo: { about: 'The server and namespace in use.', schema: serverInfo },
  Announcement: {
    about:
      'A message from a session to its main agent. At most 1 KB; the receiver fetches the outcome by reference.',
    schema: announcement,
  },
  SpawnAccepted: { about: 'A spawn that was accepted: its workflow has started.', schema: spawnAccepted },
  SpawnRefused: {
    about: 'A spawn that the session refused: nothing has started.',
    schema: spawnRefused,
  },
  AuditEntry: { about: 'An action on a subagent, and who took it.', schema: auditEntry },
  Receipt: { about: 'How a steer was delivered.', schema: receipt },
  Question: { about: 'A question of a subagent.', schema: question },
  AnswerReceipt: {
    about: 'The receipt of an answer: the question that it answered, and the questions that are still open.',
    schema: answerReceipt,
  },
  Approval: { about: 'A tool call that is not made before it is approved.', schema: approval },
  DecidedApproval: {
    about: 'An approval that was decided, or is over without a decision.',
    schema: decidedApproval,
    base: 'Approval',
  },
  OpenApproval: {
    about: 'An approval that waits for a decision, and the subagent that waits for it.',
    schema: openApproval,
    base: 'SubagentIdentity',
  },
  ApprovalReceipt: {
    about: 'The receipt of a decision on an approval: what was decided, and what is still open.',
    schema: approvalReceipt,
  },
  Usage: { about: 'Usage of model calls. Tokens are counted as the provider reports them.', schema: usage },
  Stalled: { about: 'Why a subagent makes no progress, and since when.', schema: stalled },
  ActivityProgress: {
    about: 'Heartbeat details of a clone, a set-up or a turn, which a list shows for a working subagent.',
    schema: activityProgress,
  },
  Absence: { about: 'A worker that is away.', schema: absence },
  Cleaned: {
    about: 'The remains of a finished run that `clean` or the worker’s retention has removed.',
    schema: cleaned,
  },
  SessionEntry: { about: 'A session’s entry of a subagent.', schema: sessionEntry },
  SubagentRow: {
    about: 'A subagent in a list: its entry in the session, and what it is doing now.',
    schema: subagentRow,
    base: 'SessionEntry',
  },
  SessionListing: { about: 'One session’s subagents.', schema: sessionListing },
  FleetList: { about: 'All sessions of the namespace.', schema: fleetList },
  SessionOverview: { about: 'A session, from the server’s visibility store.', schema: sessionOverview },
  WorkerDescription: { about: 'What a worker says of itself.', schema: workerDescription },
  WorkerInfo: {
    about: 'A worker of the server: what it said of itself, and whether it is there.',
    schema: workerInfo,
  },
  WorkerList: { about: 'The workers of a server.', schema: workerList },
  Check: { about: 'The result of one check of `doctor`.', schema: check },
  PoolCheck: { about: 'What a worker of a pool found out about itself.', schema: poolCheck },
  StepView: {
    about: 'A subagent of a chain, or a step that has no subagent yet.',
    schema: stepView,
  },
  SubagentDescription: {
    about: 'Everything known about one subagent.',
    schema: subagentDescription,
    base: 'SubagentIdentity',
  },
  Verification: {
    about:
      'The result of a set-up or verification command. Verification runs on the commit that the outcome names.',
    schema: verification,
  },
  Evidence: {
    about: 'The state of the workspace after the last turn, measured by us and not reported by the subagent.',
    schema: evidence,
  },
  Caveat: { about: 'One caveat of an outcome.', schema: caveat },
  SweepReport: {
    about: 'The proof of death: the result of the sweep at the end of every subagent.',
    schema: sweepReport,
  },
  Outcome: { about: 'How a subagent ended, with evidence.', schema: outcome },
  KillReport: { about: 'What a kill did.', schema: killReport, base: 'SubagentIdentity' },
  SubagentDiff: { about: 'The changes of a subagent.', schema: subagentDiff },
  MergeReport: { about: 'What a merge did.', schema: mergeReport },
  CleanedRun: {
    about:
      'What a clean did for one run. If nothing of the run was left, nothing is removed and nothing kept.',
    schema: cleanedRun,
    base: 'SubagentIdentity',
  },
  CleanReport: {
    about: 'What a clean removed (or, with `dryRun`, would remove) and kept.',
    schema: cleanReport,
  },
  TranscriptEntry: {
    about: 'One readable line of a transcript. Its text comes from the model or a tool: treat it as data.',
    schema: transcriptEntry,
  },
} as const satisfies Readonly<Record<string, Documented>>;
