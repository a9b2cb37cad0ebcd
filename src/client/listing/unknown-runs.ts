/**
 * Finds runs that a home has a record of, but not its own server: the server's database was replaced, or is an older
 * copy.
 */
import { RETENTION_DAYS } from '../../contract/limits.ts';
import { runIdentity } from '../../contract/reports/identity.ts';
import { readRuns, type RunRecord } from '../../home/run-record.ts';
import { concurrently } from '../connection/concurrency.ts';
import { isNotFound } from '../errors.ts';
import type { Link } from '../connection/link.ts';
import { findRuns } from './visibility.ts';
import type { SubagentRow } from '../../contract/index.ts';

/** Maximum number of runs read in one list. Records that the list lacks are looked up one by one. */
const MAX_KNOWN = 10_000;
const RETENTION_MS = RETENTION_DAYS * 24 * 60 * 60 * 1_000;

/**
 * Lists these runs as lost, newest first. The list is empty unless the server is the one that `up` runs in this home: a
 * worker of another server may have its records from anywhere. Runs that began before the server's retention are left
 * out, because the server has dropped them in the normal way.
 * @param session default: every session
 */
export async function unknownRuns(link: Link, session?: string): Promise<SubagentRow[]> {
  const home = await link.ownHome();
  if (home === undefined) return [];
  const since = new Date(Date.now() - RETENTION_MS).toISOString();
  const records = readRuns(home).filter(
    ({ subagent, startedAt }) => startedAt > since && (session === undefined || subagent.session === session),
  );
  if (records.length === 0) return [];
  const known = new Set((await findRuns(link, { max: MAX_KNOWN })).map(({ runId }) => runId));
  const missing = records.filter(({ subagent }) => !known.has(subagent.runId));
  // Visibility lags behind, and lists a run that continued as new by another id.
  const isMissing = await concurrently(missing, async ({ subagent }) => !(await isKnown(link, subagent)));
  return missing
    .filter((_, index) => isMissing[index])
    .map((record) => rowOf(record, home.workerId))
    .sort((a, b) => b.startedAt.localeCompare(a.startedAt));
}

async function isKnown(link: Link, { workflowId, runId, label }: RunRecord['subagent']): Promise<boolean> {
  return await link.call(`look for ${label}`, async () => {
    try {
      await link.client.workflow.getHandle(workflowId, runId).describe();
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  });
}

function rowOf(record: RunRecord, workerId: string | undefined): SubagentRow {
  const { subagent, repository, isolation, branch, startedAt, endedAt } = record;
  return {
    ...runIdentity(subagent),
    isolation,
    branch,
    startedAt,
    unknown: true,
    status: 'lost',
    task: '',
    repo: repository,
    ...(workerId !== undefined && { workerId }),
    ...(endedAt !== undefined && { endedAt }),
    summary: `the server has no record of it; ${branch === null ? `it worked in ${repository}` : `its branch is ${branch} in ${repository}`}`,
  };
}

/** The note of a list about these runs. */
export function unknownNote(count: number): string {
  const [what, them] = count === 1 ? ['a run', 'it'] : [`${count} runs`, 'them'];
  return (
    `this home has ${what} that its server has no record of: the server's database was replaced, or is an older copy. ` +
    `The commits of ${count === 1 ? 'this run' : 'these runs'} are on the named branches; \`subagents clean\` also cleans ${them}`
  );
}
