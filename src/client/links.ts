import type { ServerInfo } from './types.ts';

/** The page of a workflow in the Temporal Web UI (without a run id: its newest run), where the UI is known. */
export function workflowUrl(server: ServerInfo, workflowId: string, runId?: string): string | undefined {
  if (server.uiUrl === undefined) return undefined;
  const id = encodeURIComponent(workflowId);
  const run = runId === undefined ? '' : `/${encodeURIComponent(runId)}`;
  return `${namespaceUrl(server)}/${id}${run}`;
}

/** The page of all workflows of the namespace, where the UI is known. */
export function namespaceUrl({ uiUrl, namespace }: ServerInfo): string | undefined {
  if (uiUrl === undefined) return undefined;
  return `${uiUrl.replace(/\/$/, '')}/namespaces/${encodeURIComponent(namespace)}/workflows`;
}
