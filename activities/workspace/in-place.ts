/** Prepares the caller's checkout for one subagent alone. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  plural,
  SubagentsError,
  type PrepareInput,
  type SubagentRef,
  type Workspace,
} from '../../src/contract/index.ts';
import { readCheckoutLockEntry, releaseCheckout, takeCheckout } from '../../src/git/locks/checkout-lock.ts';
import { readIndexMarks } from '../../src/git/commits/index-marks.ts';
import { gitDirs } from '../../src/git/git-dirs.ts';
import { readRepositorySnapshot } from '../../src/git/trust/repository-snapshot.ts';
import { checkoutStatus } from '../../src/git/contents/status.ts';
import { pathsOf, readUncommitted } from '../../src/git/contents/uncommitted.ts';
import { checkBase, identityFor, missingVariables, type WorkspaceDependencies } from './workspace-common.ts';
import { Git } from '../../src/git/git.ts';

/**
 * Takes the lock entry of the checkout and returns the workspace.
 * @throws SubagentsError UNKNOWN_BASE, BAD_INPUT, CHECKOUT_BUSY
 */
export async function prepareInPlace(
  { home, runState }: WorkspaceDependencies,
  { subagent, spec }: PrepareInput,
): Promise<Workspace> {
  const { gitDir } = gitDirs(spec.repo);
  const git = Git.at(spec.repo, { trusted: spec.trustRepo });
  const [status, { identityNotes }, snapshot] = await Promise.all([
    checkoutStatus(git),
    identityFor(home, git),
    readRepositorySnapshot(git, 'in-place'),
    checkBase(git, spec.base),
  ]);
  const held = readCheckoutLockEntry(gitDir, subagent.runId);
  const head = status.head ?? spec.base.commit;
  if (!held && !spec.continues && head !== spec.base.commit && spec.base.name !== 'HEAD') {
    throw new SubagentsError(
      'BAD_INPUT',
      `an in-place subagent works on what is checked out, but ${spec.repo} is at ${head.slice(0, 10)}, not at ${spec.base.name}`,
      { remedy: `Check out ${spec.base.name} there first, or use isolation "worktree".` },
    );
  }
  const before = held || spec.continues ? undefined : await readUncommitted(git, status);
  const { workflowId, runId, label, session, run } = subagent;
  const claim = await takeCheckout(
    gitDir,
    {
      workflowId,
      runId,
      label,
      session,
      run,
      home: home.root,
      since: new Date().toISOString(),
      base: spec.continues ? spec.base.commit : head,
      branch: status.branch ?? null,
      uncommittedBefore: pathsOf(status).slice(0, 1_000),
      before,
      marks: held ? undefined : await readIndexMarks(git),
      snapshot,
      trustRepo: spec.trustRepo,
    },
    runState,
  );
  const notes = [...identityNotes, ...missingVariables(spec)];
  if (claim.base !== spec.base.commit) {
    notes.push(
      `HEAD was ${spec.base.commit.slice(0, 10)} at spawn and ${claim.base.slice(0, 10)} when the subagent began: it works on the latter`,
    );
  }
  if (claim.uncommittedBefore.length > 0) {
    const changes = plural(claim.uncommittedBefore.length, 'uncommitted change');
    notes.push(`the checkout had ${changes} before the subagent began`);
  }
  return { kind: 'workspace', cwd: spec.repo, branch: claim.branch, base: claim.base, notes };
}

/** Releases an in-place checkout. Does nothing when the subagent does not hold it, or when it is gone. */
export async function releaseWorkspace(repo: string, { runId }: Pick<SubagentRef, 'runId'>): Promise<void> {
  if (existsSync(join(repo, '.git'))) releaseCheckout(gitDirs(repo).gitDir, runId);
}
