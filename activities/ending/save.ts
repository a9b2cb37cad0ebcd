/** `saveWork`: puts the work of a run that ends into the store, from where it comes back into the caller's repository. */
import { ApplicationFailure, cancellationSignal } from '@temporalio/activity';
import { SubagentsError, type SaveInput, type WorkerActivities } from '../../src/contract/index.ts';
import { bundleOf } from '../../src/git/bundles.ts';
import { Git } from '../../src/git/git.ts';
import { resultRef } from '../../src/store/records.ts';
import type { RequireStore } from '../workspace/checkout.ts';

/** What a later attempt may find mended. */
const PASSING: ReadonlySet<string> = new Set(['NO_STORE', 'STORE_UNREACHABLE', 'DISK_FULL', 'FILE_ACCESS']);

/** Creates the `saveWork` activity. */
export function createSaveActivities(requireStore: RequireStore): Pick<WorkerActivities, 'saveWork'> {
  return {
    async saveWork(input) {
      try {
        await save(input, requireStore, cancellationSignal());
        return { kind: 'saved' };
      } catch (error) {
        if (!(error instanceof SubagentsError)) throw error;
        throw ApplicationFailure.create({
          type: error.code,
          message: error.message,
          nonRetryable: !PASSING.has(error.code),
          cause: error,
        });
      }
    },
  };
}

async function save(
  { subagent, repository, store: id, branch, base, head, commits }: SaveInput,
  requireStore: RequireStore,
  signal: AbortSignal,
): Promise<void> {
  const { session, label, run, workflowId, runId, copilotSessionId } = subagent;
  const git = Git.at(repository, { signal, copilotSessionId });
  const store = await requireStore(id);
  const record = {
    kind: 'result' as const,
    session,
    label,
    run,
    workflowId,
    runId,
    branch,
    base,
    head,
    commits,
  };
  const added = Number(await git.run(['rev-list', '--count', head, `^${base}`]));
  const ref = resultRef(runId);
  // The caller has the base.
  const content = added === 0 ? [] : bundleOf(git, { ref, commit: head }, [base]);
  const { before } = await store.put(record, content, { signal });
  if (before !== undefined && !(before.kind === 'result' && before.head === head && before.base === base))
    throw new SubagentsError(
      'STORE_DAMAGED',
      `the store ${store.place} already has another result of this run`,
    );
  // Known to whoever looks for work that is nowhere else.
  if (added > 0) await git.run(['update-ref', '--no-deref', `refs/remotes/store/${runId}`, head]);
}
