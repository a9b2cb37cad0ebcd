/**
 * A page of our own beside the Web UI: it configures the UI to show our columns, then redirects to its list of
 * workflows.
 */
import { createHash } from 'node:crypto';
import { SEARCH_ATTRIBUTES } from '../../contract/protocol/names.ts';

/** Its path, which the UI does not use. */
export const COLUMNS_PATH = '/subagents';

/** Where the UI stores the columns of each namespace (Temporal Web UI 2.42), and its default columns. */
const STORAGE_KEY = 'namespace-workflow-table-columns';
const DEFAULT_COLUMNS = ['Status', 'Workflow ID', 'Run ID', 'Type', 'Start', 'End'];
/** Session and label are part of the workflow id. */
const { status, repository, model } = SEARCH_ATTRIBUTES;
/** The search attributes that are shown as columns. */
export const OWN_COLUMNS: readonly string[] = [status, repository, model];
const COLUMNS = ['Status', 'Workflow ID', ...OWN_COLUMNS, 'Start', 'Execution Duration'];

/** The UI keeps columns only in the browser's storage, not in addresses. Columns that the user has chosen stay. */
const SCRIPT = `
const [key, before, columns] = ${JSON.stringify([STORAGE_KEY, DEFAULT_COLUMNS, COLUMNS])};
const namespace = new URLSearchParams(location.search).get('namespace') ?? 'default';
let all = {};
try { all = JSON.parse(localStorage.getItem(key)) ?? {}; } catch {}
const own = (all[namespace] ?? []).map(({ label }) => label);
if (own.length === 0 || own.join() === before.join()) {
  all[namespace] = columns.map((label) => ({ label }));
  localStorage.setItem(key, JSON.stringify(all));
}
location.replace('/namespaces/' + encodeURIComponent(namespace) + '/workflows');
`;

/** The HTML of the page. */
export const COLUMNS_PAGE = `<!doctype html><meta charset="utf-8"><title>subagents</title><script>${SCRIPT}</script>`;

/** Only its own script may run on the page. */
export const COLUMNS_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': `default-src 'none'; script-src 'sha256-${createHash('sha256').update(SCRIPT).digest('base64')}'; frame-ancestors 'none'`,
};
