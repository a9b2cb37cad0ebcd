/** Which keys the messages on a server are encrypted with. Needs no key: an envelope names its own. */
import type { Connection } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import proto from '@temporalio/proto';
import { CHAIN } from '../contract/chains/chain.ts';
import { CLEAN, DOCTOR, PAGE, SESSION, SUBAGENT, TRANSCRIPT } from '../contract/protocol/messages.ts';
import { encryptedHeader } from './encryption.ts';
import { pages } from './pages.ts';

type Execution = proto.temporal.api.common.v1.IWorkflowExecution;

/** Runs of workflows with at least one message under a key, or with one that is not encrypted. */
export interface RunCount {
  readonly open: number;
  readonly closed: number;
}
/** The runs of a server by the keys of their messages. A run counts for each of its keys. */
export interface KeyUsage {
  readonly runs: RunCount;
  readonly keys: ReadonlyMap<string, RunCount>;
  readonly plain: RunCount;
  /** Ids of the open workflows with messages that are not encrypted. */
  readonly plainOpen: readonly string[];
}

/** Not the workflows of workers: a worker replaces its own when the key changes, and nobody reads those that ended. */
const KINDS = [SESSION, SUBAGENT, CHAIN, TRANSCRIPT, PAGE, CLEAN, DOCTOR];
const QUERY = KINDS.map(({ workflow }) => `WorkflowType = '${workflow}'`).join(' OR ');
const PAGE_SIZE = 200;
const { WORKFLOW_EXECUTION_STATUS_RUNNING: RUNNING } = proto.temporal.api.enums.v1.WorkflowExecutionStatus;

/** Reads every history that the server keeps. */
export async function keyUsage(
  { workflowService }: Pick<Connection, 'workflowService'>,
  namespace: string,
): Promise<KeyUsage> {
  const keys = new Map<string, RunCount>();
  let [runs, plain] = [NONE, NONE];
  const plainOpen: string[] = [];
  const list = pages((page) =>
    workflowService.listWorkflowExecutions({ namespace, query: QUERY, pageSize: PAGE_SIZE, ...page }),
  );
  for await (const { executions } of list) {
    for (const { execution, status } of executions) {
      if (!execution) continue;
      const isOpen = status === RUNNING;
      runs = more(runs, isOpen);
      for (const id of await keysOfRun(workflowService, namespace, execution)) {
        if (id !== undefined) {
          keys.set(id, more(keys.get(id) ?? NONE, isOpen));
          continue;
        }
        plain = more(plain, isOpen);
        if (isOpen) plainOpen.push(execution.workflowId ?? '');
      }
    }
  }
  return { runs, keys, plain, plainOpen };
}

/** The ids of the keys that the messages of a run are encrypted with; undefined among them for those that are not. */
async function keysOfRun(
  workflowService: Connection['workflowService'],
  namespace: string,
  execution: Execution,
): Promise<ReadonlySet<string | undefined>> {
  const found = new Set<string | undefined>();
  const histories = pages((page) =>
    workflowService.getWorkflowExecutionHistory({ namespace, execution, ...page }),
  );
  for await (const { history } of histories)
    for (const payload of payloadsIn(history)) found.add(encryptedHeader(payload)?.keyId);
  return found;
}

const NONE: RunCount = { open: 0, closed: 0 };
const more = ({ open, closed }: RunCount, isOpen: boolean): RunCount =>
  isOpen ? { open: open + 1, closed } : { open, closed: closed + 1 };

/** What a workflow never reads: what the server must read, and what the Web UI alone shows. */
const NOT_READ: ReadonlySet<string> = new Set(['searchAttributes', 'header', 'userMetadata']);

/** All payloads in a message of the protocol that a workflow or a client needs. */
function* payloadsIn(value: unknown): Generator<Payload> {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  if ('metadata' in value && (value as Payload).metadata?.['encoding'] !== undefined) {
    yield value as Payload;
    return;
  }
  for (const [key, each] of Object.entries(value)) if (!NOT_READ.has(key)) yield* payloadsIn(each);
}
