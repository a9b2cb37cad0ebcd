/**
 * Which server answers at an address: another server may take over an address, and two homes may use the same port in
 * turn.
 */
import type { Connection } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';

/** A server's identity. */
export interface ServerIdentity {
  /** Id of the namespace, created with its data: stable over restarts, failovers and changes of address. */
  readonly namespaceId: string;
  /** Id of the home that the server was started for; absent if no home started it. */
  readonly homeId?: string | undefined;
}

/** The key in the namespace's data that has the id of its home. */
const HOME_KEY = 'subagents-home';

type NamespaceDescription = temporal.api.workflowservice.v1.IDescribeNamespaceResponse;

/** The identity in a namespace's description. */
export function identityOf({ namespaceInfo }: NamespaceDescription): ServerIdentity {
  const homeId = namespaceInfo?.data?.[HOME_KEY];
  return { namespaceId: namespaceInfo?.id ?? '', ...(homeId && { homeId }) };
}

/** Stores the id of its home in `namespace`. */
export async function storeHomeId(connection: Connection, namespace: string, homeId: string): Promise<void> {
  await connection.workflowService.updateNamespace({
    namespace,
    updateInfo: { data: { [HOME_KEY]: homeId } },
  });
}
