/** The library: hand long coding tasks to durable subagents, and hear from them. */
export { Subagents, DEFAULT_SESSION } from './subagents.ts';
export { SessionHandle, type Accepted } from './session-handle.ts';
export type { ReceivedAnnouncement } from './announcements.ts';
export { LostRunError } from './errors.ts';
export { SubagentHandle, type SubagentIdentity } from './subagent-handle.ts';
export type * from './types.ts';
export { readyMadeChain, type ReadyMadeName, type ReadyMadeOptions } from './ready-made.ts';
export { batchChain, raceChain } from '../chain/ready-made.ts';
export { SubagentsError, ERROR_CODES, type ErrorCode } from '../contract/errors.ts';
export type {
  Announcement,
  ChainSpec,
  CleanedRun,
  ContinueSpec,
  Evidence,
  FinalStatus,
  LiveStatus,
  Outcome,
  Progress,
  Question,
  Receipt,
  SessionEntry,
  SpawnAnswer,
  SpawnSpec,
  Status,
  StepView,
  SweepReport,
  TranscriptEntry,
  Usage,
  Verification,
} from '../contract/index.ts';
