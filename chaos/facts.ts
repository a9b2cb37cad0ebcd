/** The input and the result of the checks at the end. */
import type { Client } from '@temporalio/client';
import type { SessionHandle } from '../src/client/index.ts';
import type { MainAgent } from './main-agent.ts';
import type { ModelLog } from './model-log.ts';
import type { PlannedSubagent } from './plan.ts';
import type { Received } from './receivers.ts';
import type { Loss, Row } from './report.ts';
import type { ServerUnderTest } from './server.ts';
import type { WorkerUnderTest } from './worker.ts';

/** What the checks know about a finished run. */
export interface Facts {
  /** The folder of this run only, as a real path. */
  readonly folder: string;
  readonly repo: string;
  /** The commit that all subagents started from. */
  readonly base: string;
  readonly subagents: readonly PlannedSubagent[];
  readonly session: SessionHandle;
  /** Temporal's own client. */
  readonly client: Client;
  readonly agent: MainAgent;
  readonly log: ModelLog;
  readonly stayed: Received;
  readonly cameAndWent: Received;
  readonly server: ServerUnderTest;
  readonly workers: readonly WorkerUnderTest[];
}

/** The result of a check. */
interface Found {
  readonly rows: readonly Row[];
  readonly losses: readonly Loss[];
}

/** Examines one aspect from the outside. */
export type Check = (facts: Facts) => Promise<Found>;
