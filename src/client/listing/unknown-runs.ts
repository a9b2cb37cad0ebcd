/** Runs that a home still has, and that its own server does not know: the server's database was replaced, or is an older copy. */
import { RETENTION_DAYS } from '../../contract/limits.ts';
import { readRuns, type RunRecord } from '../../home/run-record.ts';
import { concurrently } from '../connection/concurrently.ts';
import { isNotFound } from '../errors.ts';
import type { Link } from '../connection/link.ts';
import type { SubagentRow } from '../types.ts';
import { findRuns } from './visibility.ts';

/** More than one server lists them of its own accord. */
const MAX_KNOWN = 10_000;
const RETENTION_MS = RETENTION_DAYS * 24 * 60 * 60 * 1_000;

/**
 * They are listed as lost, newest first. None where the connection is to another server than the one that `up` runs in this home: a
 * worker may have had the others from anywhere. Those that began before the server's retention are no news, and left out.
 * @param session default: of every session
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
  // The store behind lists lags behind, and knows a run that went on by another id.
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
  const { session, label, run, workflowId, runId } = subagent;
  return {
    ...{ session, label, run, workflowId, runId, isolation, branch, startedAt, unknown: true },
    ...{ status: 'lost', task: '', repo: repository },
    ...(workerId !== undefined && { workerId }),
    ...(endedAt !== undefined && { endedAt }),
    summary: `the server does not know it; ${branch === null ? `it worked in ${repository}` : `its branch is ${branch} in ${repository}`}`,
  };
}

/** What a list says of them. */
export function unknownNote(count: number): string {
  const [what, them] = count === 1 ? ['a run', 'it'] : [`${count} runs`, 'them'];
  return (
    `this home has ${what} that its server does not know: the server's database was replaced, or is an older copy. ` +
    `What ${count === 1 ? 'it' : 'they'} committed is on the branches named; \`subagents clean\` takes ${them} too`
  );
}
