/**
 * Which server answers at an address: another server may take over an address, and two homes may use the same port in
 * turn.
 */
import type { ConnectionLike } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';

/** A server's identity. */
export interface ServerIdentity {
  /** Id of the namespace, created with its data: stable over restarts, failovers and changes of address. */
  readonly namespaceId: string;
  /** Id of the home that the server was started for; absent if no home started it. */
  readonly homeId?: string | undefined;
  /** Name of the key ring that encrypts its messages; absent if none does, or nobody could store it. */
  readonly ring?: string | undefined;
}

/** The key in the namespace's data that has the id of its home. */
const HOME_KEY = 'subagents-home';
/** The key in the namespace's data that has the name of the key ring. */
const RING_KEY = 'subagents-keys';

type NamespaceDescription = temporal.api.workflowservice.v1.IDescribeNamespaceResponse;

/** The identity in a namespace's description. */
export function identityOf({ namespaceInfo }: NamespaceDescription): ServerIdentity {
  const homeId = namespaceInfo?.data?.[HOME_KEY];
  const ring = namespaceInfo?.data?.[RING_KEY];
  return { namespaceId: namespaceInfo?.id ?? '', ...(homeId && { homeId }), ...(ring && { ring }) };
}

/** Stores the id of its home in `namespace`. */
export const storeHomeId = (connection: ConnectionLike, namespace: string, homeId: string): Promise<void> =>
  store(connection, namespace, { [HOME_KEY]: homeId });

/** Stores the name of the key ring that encrypts its messages in `namespace`. */
export const storeRing = (connection: ConnectionLike, namespace: string, ring: string): Promise<void> =>
  store(connection, namespace, { [RING_KEY]: ring });

async function store(
  { workflowService }: ConnectionLike,
  namespace: string,
  data: Record<string, string>,
): Promise<void> {
  await workflowService.updateNamespace({ namespace, updateInfo: { data } });
}
