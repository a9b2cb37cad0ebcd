/** Translates what Temporal and gRPC throw into errors for people. */
import {
  ApplicationFailure,
  isGrpcServiceError,
  NamespaceNotFoundError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import {
  CONTRACT_VERSION,
  ERROR_CODES,
  isChain,
  isFinal,
  SubagentsError,
  type UnreadablePayload,
  type ErrorCode,
  type SessionEntry,
  type ServerInfo,
} from '../contract/index.ts';
import { searchAttributeCommands } from '../temporal/search-attributes.ts';

/** The gRPC status codes that we distinguish (https://grpc.io/docs/guides/status-codes/). */
const GRPC = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** The run was terminated, or the server no longer keeps it: at most the session's summary is left. */
export class LostRunError extends SubagentsError {
  /** The session's entry of the run; absent when the session has none. */
  readonly entry: SessionEntry | undefined;

  constructor(message: string, options: { entry?: SessionEntry | undefined; remedy?: string | undefined }) {
    super('LOST', message, { remedy: options.remedy });
    this.entry = options.entry;
  }
}

/** Server and namespace, as named in errors and lists. */
export function serverName(server: Pick<ServerInfo, 'address' | 'namespace'>): string {
  return `Temporal at ${server.address}, namespace "${server.namespace}"`;
}

/** The error when no worker can take a request. @param who the missing worker, and perhaps the consequence */
export function noWorkerError(
  server: ServerInfo,
  who = 'no worker is running',
  remedy = 'start one: `subagents up` on this machine, or `subagents worker` for an existing Temporal',
): SubagentsError {
  return new SubagentsError('NO_WORKER', `${who} (${serverName(server)})`, { remedy });
}

/** The error when no worker is in a pool. */
export function noPoolWorkerError(server: ServerInfo, pool: string): SubagentsError {
  return new SubagentsError('NO_WORKER', `no worker is in pool ${pool} (${serverName(server)})`, {
    remedy: `start one on a machine that can read the repository: subagents worker --pool ${pool}; or \`subagents up\` here, for your own server`,
  });
}

/**
 * The error when a worker is there, but the workflow `who` did not answer.
 * @param options.failing whether its workflow task fails at every attempt
 */
export function noAnswerError(
  server: ServerInfo,
  who: string,
  { failing = false }: { readonly failing?: boolean } = {},
): SubagentsError {
  if (failing) {
    return new SubagentsError('INTERNAL', `${who} cannot answer: its workflow task fails at every attempt`, {
      remedy: `see the log of its worker for the reason; \`subagents kill --force ${who}\` ends it`,
    });
  }
  return new SubagentsError(
    'TIMEOUT',
    `${who} did not answer in time, although a worker is running or was a moment ago (${serverName(server)})`,
    { remedy: 'try again: the worker may be busy. `subagents status` shows whether a worker polls' },
  );
}

/** The error when all workers have a contract version other than this program's. */
export function versionError(server: ServerInfo, contracts: readonly number[]): SubagentsError {
  const theirs = [...new Set(contracts)].join(' and ');
  const newer = Math.max(...contracts) > CONTRACT_VERSION;
  return new SubagentsError(
    'NO_WORKER',
    `no worker of this version is running: workers use contract ${theirs}, this program uses ${CONTRACT_VERSION} (${serverName(server)})`,
    {
      remedy: newer
        ? 'update durable-subagents here'
        : 'update the workers (`subagents down`, then `subagents up` with this version); running subagents continue',
    },
  );
}

/** The error for an action on a run that has ended. It names the end. */
export function alreadyEndedError(doing: string, run: SessionEntry): SubagentsError {
  const end = isFinal(run.status) ? run.status : 'just now';
  const summary = run.summary === undefined ? '' : `: ${run.summary}`;
  return new SubagentsError(
    'ALREADY_ENDED',
    `cannot ${doing} ${run.label}@${run.run}: it has ended (${end})${summary}`,
    {
      remedy: `see its outcome with \`subagents show ${run.label}@${run.run}\`, or continue it with \`subagents continue ${run.label} "<task>"\``,
    },
  );
}

/** For actions that apply to a step, not to a whole chain. @throws SubagentsError BAD_INPUT when the run is a chain */
export function refuseChain(doing: string, run: SessionEntry): void {
  if (!isChain(run)) return;
  throw new SubagentsError('BAD_INPUT', `cannot ${doing} ${run.label}: it is a chain`, {
    remedy: `name one of its steps as ${run.label}.<step>; \`subagents show ${run.label}\` lists them`,
  });
}

/** The error for an answer, or a stored value, that cannot be decrypted or is not from one of our workers. */
export function unreadableAnswer({ code, unreadable }: UnreadablePayload, who: string): SubagentsError {
  if (code === 'KEY_MISSING')
    return new SubagentsError(code, `${who} cannot be decrypted: ${unreadable}`, {
      remedy:
        'put the key back from a backup (docs/keys.md). Label, state, branch, worktree and transcript are not encrypted',
    });
  return new SubagentsError(code ?? 'INTERNAL', `${who} was refused: ${unreadable}`, {
    remedy:
      code === undefined
        ? undefined
        : 'somebody without the keys answers for it, or its worker runs without them: see `subagents keys`',
  });
}

/** Whether `error` means that the workflow run does not exist, or has ended already. */
export function isNotFound(error: unknown): boolean {
  // This is a missing namespace or server.
  if (isUnreachable(error)) return false;
  return (
    error instanceof WorkflowNotFoundError ||
    (error instanceof SubagentsError && error.cause instanceof WorkflowNotFoundError) ||
    grpcError(error)?.code === GRPC.notFound
  );
}

/** Whether no server was reached, or the server does not accept our calls. */
export function isUnreachable(error: unknown): boolean {
  return ownError(error)?.code === 'TEMPORAL_UNREACHABLE';
}

/** The `SubagentsError` that `error` is or wraps: Temporal's client wraps what a connection throws. */
function ownError(error: unknown): SubagentsError | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 4; cause = cause.cause, depth += 1) {
    if (cause instanceof SubagentsError) return cause;
  }
  return undefined;
}

/** Whether a call had no answer in time. */
export function isTimeout(error: unknown): boolean {
  return error instanceof SubagentsError && error.code === 'TIMEOUT';
}

/** After these errors something must be started before a retry. */
const NEEDS_START: ReadonlySet<string> = new Set(['TEMPORAL_UNREACHABLE', 'NO_WORKER']);

/**
 * For a request that may have arrived: adds to `error` that this is unknown, and how to repeat the request. Returns any
 * other error unchanged.
 */
export function addUnknownEffect(error: unknown, again: string): unknown {
  if (!(error instanceof SubagentsError) || (!isTimeout(error) && !isTransient(error))) return error;
  const { code, message, remedy } = error;
  return new SubagentsError(code, `${message}. Whether the request took effect is not known yet`, {
    remedy: `${NEEDS_START.has(code) ? `${remedy}; then ` : ''}${again}`,
    cause: error,
  });
}

/** Codes of temporary trouble with the server, the connection or the load: the same call may succeed later. */
const TRANSIENT: ReadonlySet<number> = new Set([
  GRPC.cancelled,
  GRPC.unknown,
  GRPC.deadlineExceeded,
  GRPC.resourceExhausted,
  GRPC.aborted,
  GRPC.internal,
  GRPC.unavailable,
]);

/** Whether `error` is temporary: the server, the connection or the workers are away for a while. */
export function isTransient(error: unknown): boolean {
  if (error instanceof SubagentsError && error.code === 'NO_WORKER') return true;
  const grpc = grpcError(error);
  // Nothing runs in the home, or nothing listens at the address: temporary, too.
  if (grpc === undefined) return isUnreachable(error);
  return TRANSIENT.has(grpc.code);
}

/**
 * Converts any error of a call to Temporal into a `SubagentsError`.
 * @param doing the action, for the message: `steer fix-login`.
 */
export function toSubagentsError(error: unknown, doing: string, server: ServerInfo): SubagentsError {
  const own = ownError(error);
  if (own !== undefined) return own;
  if (error instanceof WorkflowUpdateFailedError) return fromFailure(error.cause, doing);
  if (error instanceof NamespaceNotFoundError) {
    return new SubagentsError(
      'TEMPORAL_UNREACHABLE',
      `could not ${doing}: ${serverName(server)} has no such namespace`,
      { remedy: 'name an existing one with --namespace or TEMPORAL_NAMESPACE', cause: error },
    );
  }
  const grpc = grpcError(error);
  if (grpc !== undefined) return fromGrpc(grpc, error, doing, server);
  if (error instanceof WorkflowNotFoundError) {
    return new SubagentsError(
      'LOST',
      `could not ${doing}: ${serverName(server)} has no such running workflow (${error.workflowId})`,
      { cause: error },
    );
  }
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return timedOut(doing, server, error);
  return new SubagentsError('INTERNAL', `could not ${doing}: ${messageOf(error)}`, { cause: error });
}

/** Converts the failure of an Update: an `ApplicationFailure` of the workflow, whose type is one of our codes. */
function fromFailure(failure: unknown, doing: string): SubagentsError {
  // The workflow ended while the Update was being handled.
  if (failure instanceof ApplicationFailure && failure.type === 'AcceptedUpdateCompletedWorkflow') {
    return new SubagentsError('ALREADY_ENDED', `could not ${doing}: the workflow ended meanwhile`, {
      cause: failure,
    });
  }
  if (failure instanceof ApplicationFailure && isErrorCode(failure.type)) {
    const details = failure.details?.[0] as { remedy?: unknown } | undefined;
    const remedy = typeof details?.remedy === 'string' ? details.remedy : undefined;
    return new SubagentsError(failure.type, failure.message, { remedy, cause: failure });
  }
  return new SubagentsError('INTERNAL', `could not ${doing}: ${messageOf(failure)}`, { cause: failure });
}

interface GrpcError {
  readonly code: number;
  readonly details: string;
}

/** The gRPC error that `error` is or wraps. */
function grpcError(error: unknown): GrpcError | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 4; cause = cause.cause, depth += 1) {
    if (isGrpcServiceError(cause)) return { code: cause.code, details: cause.details };
  }
  return undefined;
}

function fromGrpc(grpc: GrpcError, cause: unknown, doing: string, server: ServerInfo): SubagentsError {
  const where = serverName(server);
  switch (grpc.code) {
    case GRPC.unavailable:
      return new SubagentsError(
        'TEMPORAL_UNREACHABLE',
        `could not ${doing}: ${where} does not answer (chosen by ${server.origin}).`,
        {
          remedy: 'start one with `subagents up`, or name the right one with --address or TEMPORAL_ADDRESS',
          cause,
        },
      );
    case GRPC.unauthenticated:
    case GRPC.permissionDenied:
      return new SubagentsError(
        'TEMPORAL_UNREACHABLE',
        `could not ${doing}: ${where} refused the credentials`,
        {
          remedy:
            'check the API key or the client certificate of this profile, and its rights in the namespace',
          cause,
        },
      );
    case GRPC.deadlineExceeded:
      // gRPC's message has no remote address for a call that never reached a server. Neither has it for a call whose
      // deadline was over when it began, or less than 100 ms later, such as the last retry after a slow answer, which
      // says nothing about the server.
      if (/^Deadline exceeded after (?!0\.0\d\ds)(?!.*remote_addr)/.test(grpc.details))
        return unreachable(doing, server, cause);
      return timedOut(doing, server, cause);
    case GRPC.cancelled:
      // The server cancelled the call at its deadline; we did not.
      return timedOut(doing, server, cause);
    case GRPC.notFound:
      return new SubagentsError('LOST', `could not ${doing}: ${where} does not know it (${grpc.details})`, {
        cause,
      });
    case GRPC.failedPrecondition:
      // A Query to a queue that no worker has polled lately.
      if (/poller/i.test(grpc.details)) return noWorkerError(server);
      break;
    case GRPC.invalidArgument:
      if (/search attribute/i.test(grpc.details)) return searchAttributesMissing(grpc.details, server, cause);
      if (/size|too large|exceeds/i.test(grpc.details)) return tooLarge(doing, grpc.details, cause);
      break;
    case GRPC.resourceExhausted:
      if (/larger than max|size/i.test(grpc.details)) return tooLarge(doing, grpc.details, cause);
      return new SubagentsError(
        'LIMIT',
        `could not ${doing}: ${where} has reached a limit (${grpc.details})`,
        {
          remedy: 'try again in a moment, with fewer requests at once',
          cause,
        },
      );
    default:
  }
  return new SubagentsError('INTERNAL', `could not ${doing}: ${where} answered: ${grpc.details}`, { cause });
}

function unreachable(doing: string, server: ServerInfo, cause: unknown): SubagentsError {
  return new SubagentsError(
    'TEMPORAL_UNREACHABLE',
    `could not ${doing}: ${serverName(server)} does not answer (chosen by ${server.origin})`,
    {
      remedy: 'start one with `subagents up`, or name the right one with --address or TEMPORAL_ADDRESS',
      cause,
    },
  );
}

function timedOut(doing: string, server: ServerInfo, cause: unknown): SubagentsError {
  return new SubagentsError(
    'TIMEOUT',
    `could not ${doing} in time (${serverName(server)}); it may still take effect`,
    { remedy: 'see the result in `subagents list`, and the workers in `subagents status`', cause },
  );
}

function tooLarge(doing: string, details: string, cause: unknown): SubagentsError {
  return new SubagentsError(
    'LIMIT',
    `could not ${doing}: the request is too large for Temporal (${details})`,
    {
      remedy: 'put the material in a file of the repository and name it in the task',
      cause,
    },
  );
}

function searchAttributesMissing(details: string, server: ServerInfo, cause: unknown): SubagentsError {
  return new SubagentsError(
    'SEARCH_ATTRIBUTES',
    `${serverName(server)} lacks the search attributes of subagents (${details})`,
    { remedy: `have an operator run: ${searchAttributeCommands(server.namespace).join(' && ')}`, cause },
  );
}

function isErrorCode(type: unknown): type is ErrorCode {
  return ERROR_CODES.includes(type as ErrorCode);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
