/** Which server answers at an address: addresses change hands, and two homes may have the same port one after the other. */
import type { Connection } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';

/** What a server says of itself. */
export interface ServerIdentity {
  /** Of the namespace: made with its data, and the same over restarts, failovers and other addresses. */
  readonly namespaceId: string;
  /** Of the home that the server was started for; absent where none started it. */
  readonly homeId?: string | undefined;
}

/** The namespace's data carry the id of the home that runs it. */
const HOME_KEY = 'subagents-home';

type NamespaceDescription = temporal.api.workflowservice.v1.IDescribeNamespaceResponse;

/** The identity that the description of a namespace tells. */
export function identityOf({ namespaceInfo }: NamespaceDescription): ServerIdentity {
  const homeId = namespaceInfo?.data?.[HOME_KEY];
  return { namespaceId: namespaceInfo?.id ?? '', ...(homeId && { homeId }) };
}

/** Writes into `namespace` whose home it is. */
export async function sayHome(connection: Connection, namespace: string, homeId: string): Promise<void> {
  await connection.workflowService.updateNamespace({
    namespace,
    updateInfo: { data: { [HOME_KEY]: homeId } },
  });
}
