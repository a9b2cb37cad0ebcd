/** Resolves the parts of a spec that only the caller's machine knows: the checkout, and the commit to start from. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  checkSandbox,
  DEFAULT_MAX_REPAIRS,
  DEFAULT_STUCK_AFTER_MS,
  DEFAULT_TIMEOUT_MS,
  readRepositoryUrl,
  REPOSITORY_OPTIONS,
  SubagentsError,
  resolvedOptions,
  type RepositoryUrl,
  type ResolvedSpec,
} from '../../contract/index.ts';
import { carryChanges } from '../../git/worktrees/carry.ts';
import { requireFilters } from '../../git/trust/needed-filters.ts';
import { remoteCommit } from '../../git/remote.ts';
import { countUncommitted, resolveBase, resolveRepository } from '../../git/repository.ts';
import { Git } from '../../git/git.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { ParsedSpec } from './spec.ts';

/**
 * How long counting the changes of a huge checkout may take, in milliseconds. The spawn then goes on without a count.
 */
const COUNT_TIMEOUT_MS = 3_000;

/** The caller of a spawn. */
export interface Caller {
  /** The caller's folder: `repo` is relative to it, and defaults to its git root. */
  readonly cwd: string;
  /** The queue of this host's workers: only they have the checkout. */
  readonly hostQueue: string;
  /** The pool of spawns that name none (`SUBAGENTS_POOL`). */
  readonly pool?: string | undefined;
}

/**
 * Fills in every default.
 * @returns the spec to send, and notes for the caller.
 * @throws SubagentsError NOT_A_REPOSITORY, UNKNOWN_BASE.
 */
export async function resolveSpec(
  spec: ParsedSpec,
  caller: Caller,
): Promise<{ readonly spec: ResolvedSpec; readonly notes: readonly string[] }> {
  const named = spec.repo === undefined ? undefined : remoteOf(spec.repo, caller.cwd);
  const isolation = spec.isolation ?? 'worktree';
  requirePushable(spec, named !== undefined);
  if (named !== undefined) checkRemote(spec);
  const pool = spec.pool ?? caller.pool;
  if (pool !== undefined && named === undefined && isolation === 'in-place') throw staysHere(spec);
  const repo = named?.url ?? (await resolveRepository(spec.repo ?? '.', caller.cwd));
  if (isolation === 'in-place' && spec.setup && spec.setup.length > 0) {
    throw new SubagentsError(
      'BAD_INPUT',
      'set-up is for a new worktree, but an in-place subagent works in your checkout',
      {
        remedy: 'Set up the checkout yourself and leave out setup, or leave out in-place.',
      },
    );
  }
  const carries = spec.withChanges ?? false;
  if (spec.verifyFresh && isolation === 'in-place') {
    throw new SubagentsError(
      'BAD_INPUT',
      'verifyFresh is for a worktree: a fresh checkout lacks the uncommitted work of an in-place subagent',
      { remedy: 'Leave out verifyFresh, or leave out in-place.' },
    );
  }
  if (carries && isolation === 'in-place') {
    throw new SubagentsError(
      'BAD_INPUT',
      'an in-place subagent has the uncommitted changes of your checkout anyway',
      {
        remedy: 'Leave out withChanges, or leave out in-place.',
      },
    );
  }
  const trusted = spec.trustRepo ?? false;
  const git = Git.at(repo, { trusted });
  const [commit, left] = await Promise.all([
    named ? remoteCommit(named.url, spec.base) : resolveBase(git, spec.base),
    named ? credentialNotes(named) : isolation === 'worktree' && !carries ? uncommittedNotes(git) : [],
  ]);
  if (carries && !trusted) await requireFilters(git, commit);
  const {
    carried,
    tree,
    notes = left,
  } = carries ? await carryChanges(git, commit) : { carried: undefined, tree: undefined };
  const resolved: ResolvedSpec = {
    label: spec.label,
    task: spec.task,
    repo,
    base: { commit, name: spec.base ?? 'HEAD' },
    isolation,
    ...(carried && { carried }),
    leftOpen: REPOSITORY_OPTIONS.filter((field) => spec[field] === undefined),
    setup: [],
    verify: [],
    env: [],
    signing: 'repository',
    permissions: 'all',
    trustRepo: false,
    timeoutMs: DEFAULT_TIMEOUT_MS,
    stuckAfterMs: DEFAULT_STUCK_AFTER_MS,
    ...resolvedOptions(spec),
    maxRepairs: DEFAULT_MAX_REPAIRS,
    hostQueue: caller.hostQueue,
    ...(pool !== undefined && { pool }),
  };
  checkSandbox(resolved);
  // A commit of carried changes is different each time; its tree is not.
  const fingerprint = fingerprintOf({ ...resolved, ...(carried && { carried: tree }) });
  return { spec: { ...resolved, fingerprint }, notes };
}

function staysHere({ pool }: ParsedSpec): SubagentsError {
  return new SubagentsError(
    'BAD_INPUT',
    'an in-place subagent works in your checkout, which is on this host alone',
    {
      remedy: `Leave out in-place, or ${pool === undefined ? 'unset SUBAGENTS_POOL' : 'leave out the pool'}.`,
    },
  );
}

/** Reads `repo` as a URL; undefined for a path, even if an existing one looks like a URL. */
function remoteOf(repo: string, cwd: string): RepositoryUrl | undefined {
  return existsSync(resolve(cwd, repo)) ? undefined : readRepositoryUrl(repo);
}

/** Checks `push` and `force`. @throws SubagentsError BAD_INPUT for push without a URL, and for force without push */
export function requirePushable(
  { label, push, force }: { label: string; push?: boolean | undefined; force?: boolean | undefined },
  byUrl: boolean,
): void {
  if (force && !push) {
    throw new SubagentsError('BAD_INPUT', 'force only applies to push: a caveat refuses nothing else', {
      remedy: 'Leave out force, or add push; `merge` has its own --force.',
    });
  }
  if (push && !byUrl) {
    throw new SubagentsError('BAD_INPUT', 'push only works for a repository that is named by URL', {
      remedy: `Leave out push, and push the branch yourself: git push origin subagents/${label}`,
    });
  }
}

/** @throws SubagentsError BAD_INPUT for options that need a checkout of the caller */
function checkRemote({ isolation, withChanges }: ParsedSpec): void {
  if (isolation !== 'in-place' && !withChanges) return;
  const what = withChanges ? 'uncommitted changes to include' : 'checkout to work in';
  throw new SubagentsError('BAD_INPUT', `a repository that is named by URL has no ${what}`, {
    remedy: `Name a checkout by its path, or leave out ${withChanges ? 'withChanges' : 'in-place'}.`,
  });
}

function credentialNotes({ url, leftOut }: RepositoryUrl): string[] {
  return leftOut
    ? [
        `the credentials in the URL were removed, because URLs are stored: git reads ${url} with the credentials of its own configuration`,
      ]
    : [];
}

/** The note about uncommitted changes, which are not part of a worktree. */
async function uncommittedNotes(git: Git): Promise<string[]> {
  let count: number;
  try {
    count = await countUncommitted(git, COUNT_TIMEOUT_MS);
  } catch {
    return [`the uncommitted changes of ${git.cwd} could not be counted; they are not part of the worktree`];
  }
  if (count === 0) return [];
  const changes = count === 1 ? '1 uncommitted change' : `${count} uncommitted changes`;
  return [`${changes} of ${git.cwd} ${count === 1 ? 'is' : 'are'} not part of the worktree`];
}
