import { COLUMNS_PATH } from '../../temporal/ui/columns.ts';
import type { ServerInfo } from '../../contract/index.ts';

/** URL of a workflow in the Temporal Web UI (without a run id: of its newest run); undefined when no UI is known. */
export function workflowUrl(server: ServerInfo, workflowId: string, runId?: string): string | undefined {
  if (server.uiUrl === undefined) return undefined;
  const id = encodeURIComponent(workflowId);
  const run = runId === undefined ? '' : `/${encodeURIComponent(runId)}`;
  return `${namespaceUrl(server)}/${id}${run}`;
}

/**
 * URL of the workflow list in the Temporal Web UI, with our columns for an embedded server; undefined when no UI is
 * known.
 */
export function listUrl(server: ServerInfo): string | undefined {
  const { uiUrl, namespace, embedded } = server;
  if (uiUrl === undefined || embedded !== true) return namespaceUrl(server);
  return `${baseOf(uiUrl)}${COLUMNS_PATH}?namespace=${encodeURIComponent(namespace)}`;
}

function namespaceUrl({ uiUrl, namespace }: ServerInfo): string | undefined {
  if (uiUrl === undefined) return undefined;
  return `${baseOf(uiUrl)}/namespaces/${encodeURIComponent(namespace)}/workflows`;
}

const baseOf = (uiUrl: string): string => uiUrl.replace(/\/$/, '');
