import { z } from 'zod';
import { sessionEntry } from '../protocol/messages.ts';
import { usage } from '../outcome/outcome.ts';
import { stalled } from '../status/stalled.ts';
import { notes } from './identity.ts';
import { serverInfo } from './server.ts';

/** The last heartbeat of a running clone, set-up or turn. */
export const activityProgress = z.object({
  doing: z.string(),
  tool: z.string().optional(),
  since: z.string().describe('ISO 8601, when `doing` began'),
  lastEventAt: z.string().describe('ISO 8601, when the last model event or tool output arrived'),
  lastMessage: z.string().optional(),
  model: z.string().optional(),
  usage,
  workedMs: z.number().optional().describe('of a turn: working time of the attempt so far, in milliseconds'),
  denied: z
    .number()
    .int()
    .optional()
    .describe('number of this turn’s tool calls that its permissions did not allow'),
});

/** A worker that is away. */
export const absence = z
  .object({
    workerId: z
      .string()
      .optional()
      .describe('absent when the server has given up the worker’s activity, or no worker has it yet'),
    pool: z.string().optional().describe('the pool in which it waits, and which has no worker'),
    since: z
      .string()
      .describe('ISO 8601, when the worker was last heard from, or the subagent began to wait for one'),
  })
  .describe('set when its worker is away, or none that could take it is there: nothing of it proceeds');

/** A subagent in a list: its entry in the session, and what it is doing now. */
export const subagentRow = sessionEntry.extend({
  session: z.string(),
  progress: activityProgress.optional().describe('the last heartbeat of a running turn, set-up or clone'),
  since: z
    .string()
    .optional()
    .describe(
      'ISO 8601, when its status (or, while it works, its current action) began; absent when unknown, and once finished',
    ),
  stalled: stalled.optional(),
  away: absence.optional(),
  failing: z
    .boolean()
    .optional()
    .describe(
      'the workflow fails at every attempt, for example under a worker of another version: nothing proceeds',
    ),
  orphan: z
    .boolean()
    .optional()
    .describe('the session ended before the subagent; the next session of that name takes it over'),
  unknown: z
    .boolean()
    .optional()
    .describe('only the home has a record of it: the server’s database was replaced, or is an older copy'),
});

const workerless = z
  .boolean()
  .describe(
    'no worker polls, or none answered in time (`notes` says which): the rows come from the server’s visibility store and lack what only the session has',
  );

/** One session's subagents. */
export const sessionListing = z.object({
  session: z.string(),
  server: serverInfo,
  live: z.array(subagentRow).describe('oldest first'),
  finished: z
    .array(subagentRow)
    .describe(
      'newest first, at most as many as requested; after them, all runs that only the home has a record of',
    ),
  finishedCount: z.number().int(),
  unacknowledged: z
    .number()
    .int()
    .nullable()
    .describe(
      'number of announcements that the default receiver has not acknowledged; null when the session did not answer',
    ),
  workerless,
  failing: z
    .boolean()
    .optional()
    .describe(
      'the session’s workflow fails at every attempt: the rows come from the server’s visibility store',
    ),
  notes,
});

/** All sessions of the namespace. */
export const fleetList = z.object({
  server: serverInfo,
  sessions: z.array(sessionListing),
  workerless,
  notes,
});

/** A session, from the server's visibility store. */
export const sessionOverview = z.object({
  session: z.string(),
  workflowId: z.string(),
  runId: z.string(),
  open: z.boolean().describe('whether its workflow is open'),
  startedAt: z.string().describe('ISO 8601'),
});
