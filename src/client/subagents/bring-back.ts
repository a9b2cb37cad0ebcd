/** Brings the work of a subagent that a pool took from a checkout back into the caller's repository, through the store. */
import { createWriteStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SubagentsError, type Outcome } from '../../contract/index.ts';
import { bringBack, type Brought } from '../../git/branches/bring-back.ts';
import { applyBundle } from '../../git/bundles.ts';
import { Git } from '../../git/git.ts';
import { resultName, resultRef } from '../../store/records.ts';
import { withScratch } from '../../system/scratch-folder.ts';
import type { Link } from '../connection/link.ts';
import type { KnownRun } from '../listing/runs.ts';

/** What comes back. */
type Ended = Pick<Outcome, 'saved' | 'evidence' | 'worker'>;

/** Whether the work of a run comes back through the store. */
export const comesBack = ({ saved, evidence }: Ended): boolean =>
  saved !== undefined && evidence !== undefined && evidence.commitCount > 0;

/**
 * Brings the work of an ended run into the repository that it was spawned from.
 * @throws SubagentsError NOT_A_REPOSITORY where that is not on this machine, or the work is not in the store; STORE_DAMAGED where the store has
 * something else; NO_STORE, OTHER_STORE and as `Store.get`; GIT
 */
export async function bringWorkBack(
  link: Link,
  run: Pick<KnownRun, 'label' | 'run' | 'runId' | 'repo'>,
  { saved, worker }: Ended,
): Promise<Brought> {
  const name = `${run.label}@${run.run}`;
  if (saved === undefined) throw new SubagentsError('INTERNAL', `the work of ${name} is in no store`);
  const { store: id, commit, problem, hostQueue } = saved;
  if (problem !== undefined)
    throw new SubagentsError(
      'NOT_A_REPOSITORY',
      `the work of ${name} is only on worker ${worker ?? 'unknown'}: it could not be put into the store (${problem})`,
      { remedy: `once the store works again: subagents continue ${run.label} "Nothing more."` },
    );
  if (hostQueue !== (await link.hostQueue()) || !existsSync(run.repo))
    throw new SubagentsError(
      'NOT_A_REPOSITORY',
      `${name} was spawned from ${run.repo} on another host or by another user (${hostQueue}), where its work comes back to`,
      { remedy: 'Run this command there.' },
    );
  const git = Git.at(run.repo);
  return bringBack(git, { runId: run.runId, head: commit, label: run.label }, async (into) => {
    const store = await link.store();
    if (store.id !== id)
      throw new SubagentsError(
        'OTHER_STORE',
        `the work of ${name} is in the store ${id}; this one is ${store.id}`,
        {
          remedy: 'name the store of the fleet with SUBAGENTS_STORE',
        },
      );
    const object = await store.get(resultName(run.runId));
    const damaged = (what: string): SubagentsError =>
      new SubagentsError('STORE_DAMAGED', `${what} in the store ${store.place}; nothing was changed here`, {
        remedy: `its worker has the work, too: subagents continue ${run.label} "Nothing more." puts it there again`,
      });
    if (object === undefined) throw damaged(`the work of ${name} is missing`);
    const { record } = object;
    if (record.kind !== 'result' || record.runId !== run.runId || record.head !== commit)
      throw damaged(`there is other work in place of that of ${name}`);
    await withScratch(async (folder) => {
      const file = join(folder, 'work.bundle');
      await pipeline(Readable.from(object.content), createWriteStream(file, { mode: 0o600 }));
      await applyBundle(git, file, { ref: resultRef(run.runId), commit }, { into, check: true });
    });
  });
}

/**
 * The outcome with its work in the caller's repository, whose branch it names. That it could not be brought back is a note: the
 * subagent has ended as the outcome says.
 */
export async function withWorkBack(link: Link, run: KnownRun, outcome: Outcome): Promise<Outcome> {
  const { evidence, saved, notes } = outcome;
  if (evidence === undefined || !comesBack(outcome) || saved?.problem !== undefined) return outcome;
  try {
    const { branch, isNew } = await bringWorkBack(link, run, outcome);
    const note = `its work is in ${run.repo}, on the branch ${branch}`;
    return {
      ...outcome,
      evidence: { ...evidence, branch, repository: undefined },
      notes: isNew ? [...notes, note] : notes,
    };
  } catch (error) {
    if (!(error instanceof SubagentsError)) throw error;
    const remedy = error.remedy === undefined ? '' : ` (${error.remedy})`;
    return { ...outcome, notes: [...notes, `its work was not brought back: ${error.message}${remedy}`] };
  }
}

/** Records in the store that the work was merged, so that `store clean` may remove it. Never rejects. */
export async function recordMergedInStore(
  link: Link,
  { session, label, run, workflowId, runId }: KnownRun,
  outcome: Outcome | undefined,
): Promise<void> {
  if (outcome?.saved === undefined) return;
  const record = {
    kind: 'merged' as const,
    session,
    label,
    run,
    workflowId,
    runId,
    head: outcome.saved.commit,
  };
  await link
    .store()
    .then((store) => store.put(record, []))
    .catch(() => undefined);
}
