/** The library: gives long coding tasks to durable subagents, and receives their announcements and outcomes. */
export { Subagents } from './subagents.ts';
export { DEFAULT_SESSION } from '../contract/protocol/names.ts';
export { LostRunError } from './errors.ts';
export type * from './handles.ts';
export type * from './types.ts';
export { readyMadeChain, type ReadyMadeName, type ReadyMadeOptions } from './chains/ready-made.ts';
export { batchChain, raceChain } from '../chain/ready-made.ts';
export { SubagentsError, ERROR_CODES, type ErrorCode } from '../contract/errors.ts';
export type * from '../contract/reports/types.ts';
export type {
  ChainSpec,
  ChainStep,
  ContinueSpec,
  FinalStatus,
  LiveStatus,
  SpawnSpec,
  Status,
} from '../contract/index.ts';
