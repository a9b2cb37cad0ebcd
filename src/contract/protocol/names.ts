/** Names that several processes must agree on: workflow ids, task queues, search attributes, messages. */
import { oneLine } from '../text/text.ts';
import { CONTRACT_VERSION } from './version.ts';

/** The queue of all workflow tasks, and of activities that any worker can run. */
export const MAIN_QUEUE = 'subagents';

/** The queue where subagents that need checkouts of this host and user wait for a slot: `holdSlot` runs here. */
export const hostQueue = (host: string, user: string): string => `subagents/host/${user}@${host}`;
/** The queue for requests that any worker of a host answers at once: `admit` runs here. */
export const hostControlQueue = (queue: string): string => `${queue}/control`;
/**
 * The queue where subagents of a pool wait for a worker: `takeSubagent` runs here. It has the contract version, so that
 * a worker of another version never takes one.
 */
export const poolQueue = (pool: string): string => `subagents/pool/${CONTRACT_VERSION}/${pool}`;
/** The pool that has this queue; undefined for any other queue. */
export const poolOfQueue = (queue: string): string | undefined =>
  /^subagents\/pool\/\d+\/([^/]+)$/.exec(queue)?.[1];
/** The queue for requests that any worker of a pool answers at once: `admit` runs here. A full worker polls it, too. */
export const poolControlQueue = (pool: string): string => `${poolQueue(pool)}/control`;
/** The names that a pool can have, and that in words. */
export const POOL_NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
export const POOL_NAME_RULE =
  'use 1 to 63 characters of a-z, 0-9, ".", "_" and "-", beginning with a letter or digit';
/** The pool of spawns that name none. */
export const DEFAULT_POOL = 'default';
/**
 * A worker's own queue, for everything that uses its home. Named by the worker's id, which a restart does not change.
 */
export const workerQueue = (workerId: string): string => `subagents/worker/${workerId}`;
/** A worker's queue for activities that must not wait behind turns: deliver, stop, transcript. */
export const workerControlQueue = (workerId: string): string => `subagents/worker/${workerId}/control`;
/** The id of the worker that has this queue or control queue; undefined for any other queue. */
export const workerOfQueue = (queue: string): string | undefined =>
  /^subagents\/worker\/([^/]+)(?:\/control)?$/.exec(queue)?.[1];

/**
 * The queue that the workers of `queue` poll even without a free slot: whether one of them is there shows there. For the
 * queues of hosts, pools and workers.
 */
export const presenceQueue = (queue: string): string => `${queue}/control`;

/** The session of callers that name none. */
export const DEFAULT_SESSION = 'default';
/** The target that names a subagent on the command line: with its session, unless that is the default one. */
export const targetOf = ({ session, label }: { readonly session: string; readonly label: string }): string =>
  session === DEFAULT_SESSION ? label : `${session}/${label}`;

/** The id of a session's workflow. */
export const sessionWorkflowId = (session: string): string => `session/${session}`;
/** The id of a subagent's workflow. All runs of the label have the same id. */
export const subagentWorkflowId = (session: string, label: string): string => `subagent/${session}/${label}`;
/** The id of a chain's workflow. All runs of the label have the same id. */
export const chainWorkflowId = (session: string, label: string): string => `chain/${session}/${label}`;
/** Whether a workflow is a chain. Otherwise it is a subagent. */
export const isChain = ({ workflowId }: { readonly workflowId: string }): boolean =>
  workflowId.startsWith('chain/');
/** A page of a session's announcements; `run` is the session's first execution run id. */
export const pageWorkflowId = (session: string, run: string, first: number): string =>
  `announcements/${session}/${run.slice(0, 8)}-${first}`;
/** The id of the workflow that reads a transcript. */
export const transcriptWorkflowId = (session: string, label: string, reader: string): string =>
  `transcript/${session}/${label}/${reader}`;
/** The id of the workflow that has a worker of the pool look at itself. */
export const doctorWorkflowId = (pool: string, id: string): string => `doctor/${pool}/${id}`;
/** The id of the workflow that cleans runs on a worker. */
export const cleanWorkflowId = (workerId: string, id: string): string => `clean/${workerId}/${id}`;

/** Search attributes, all of type Keyword (at most 255 characters). Never task text. */
export const SEARCH_ATTRIBUTES = {
  session: 'SubagentsSession',
  label: 'SubagentsLabel',
  status: 'SubagentsStatus',
  repository: 'SubagentsRepository',
  model: 'SubagentsModel',
} as const;

/** Whether a branch has a name that we give to branches of this subagent. Anyone may have chosen any other name. */
export function isOwnBranch(branch: string | null | undefined, label: string): branch is string {
  const name = `subagents/${label}`;
  return branch?.startsWith(name) === true && /^(-\d+)?$/.test(branch.slice(name.length));
}

/** Set in the environment of our subagents' Copilot CLI and of everything that it starts. */
export const SUBAGENT_VARIABLE = 'DURABLE_SUBAGENT';

const MAX_SIGNAL_NAME_CHARS = 200;

/**
 * The name of `signal` with a description of ours: `ended: fix-login, done`. The timeline of the Web UI shows the name
 * of a signal, but not its arguments.
 */
export const signalName = (signal: string, about: string): string =>
  oneLine(`${signal}: ${about}`, MAX_SIGNAL_NAME_CHARS);

/** The signal of a name with or without a description. */
export const signalOf = (name: string): string => name.split(': ', 1)[0] ?? name;
