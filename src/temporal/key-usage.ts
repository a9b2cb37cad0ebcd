/** Which keys the messages on a server are encrypted with. Needs no key: an envelope names its own. */
import type { Connection } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import proto from '@temporalio/proto';
import { CHAIN } from '../contract/chains/chain.ts';
import { CLEAN, PAGE, SESSION, SUBAGENT, TRANSCRIPT } from '../contract/protocol/messages.ts';
import { encryptedHeader } from './encryption.ts';

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

const KINDS = [SESSION, SUBAGENT, CHAIN, TRANSCRIPT, PAGE, CLEAN];
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
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await workflowService.listWorkflowExecutions({
      ...{ namespace, query: QUERY, pageSize: PAGE_SIZE },
      ...(nextPageToken && { nextPageToken }),
    });
    for (const { execution, status } of page.executions ?? []) {
      if (!execution) continue;
      const found = new Set<string | undefined>();
      let historyToken: Uint8Array | undefined;
      do {
        const { history, nextPageToken: next } = await workflowService.getWorkflowExecutionHistory({
          ...{ namespace, execution },
          ...(historyToken && { nextPageToken: historyToken }),
        });
        for (const payload of payloadsIn(history)) found.add(encryptedHeader(payload)?.keyId);
        historyToken = next;
      } while (historyToken && historyToken.length > 0);
      const isOpen = status === RUNNING;
      runs = more(runs, isOpen);
      for (const id of found) {
        if (id === undefined) {
          plain = more(plain, isOpen);
          if (isOpen) plainOpen.push(execution.workflowId ?? '');
        }
        if (id !== undefined) keys.set(id, more(keys.get(id) ?? NONE, isOpen));
      }
    }
    nextPageToken = page.nextPageToken;
  } while (nextPageToken && nextPageToken.length > 0);
  return { runs, keys, plain, plainOpen };
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
