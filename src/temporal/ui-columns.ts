/** A page of our own beside the Web UI: it has the UI show our columns, and goes to its list of workflows. */
import { createHash } from 'node:crypto';
import { SEARCH_ATTRIBUTES } from '../contract/names.ts';

/** Its path. The UI has none that is called so. */
export const COLUMNS_PATH = '/subagents';

/** Where the UI keeps the columns of each namespace (Temporal Web UI 2.42), and those that it begins with. */
const STORAGE_KEY = 'namespace-workflow-table-columns';
const DEFAULT_COLUMNS = ['Status', 'Workflow ID', 'Run ID', 'Type', 'Start', 'End'];
/** Session and label are in the id. */
const { status, repository, model } = SEARCH_ATTRIBUTES;
export const OWN_COLUMNS: readonly string[] = [status, repository, model];
const COLUMNS = ['Status', 'Workflow ID', ...OWN_COLUMNS, 'Start', 'Execution Duration'];

/** Columns can be given in no address: they are a browser's own. Those that somebody has chosen there stay. */
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

/** The page. */
export const COLUMNS_PAGE = `<!doctype html><meta charset="utf-8"><title>subagents</title><script>${SCRIPT}</script>`;

/** Nothing but its script runs on it. */
export const COLUMNS_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': `default-src 'none'; script-src 'sha256-${createHash('sha256').update(SCRIPT).digest('base64')}'; frame-ancestors 'none'`,
};
