/** Merges the work of a subagent. */
import { existsSync } from 'node:fs';
import {
  blocking,
  isRepositoryUrl,
  SESSION,
  sessionWorkflowId,
  signalName,
  SubagentsError,
  type MergedSignal,
  type MergeReport,
} from '../../contract/index.ts';
import { changedFiles, commitsBetween } from '../../git/contents/changes.ts';
import { unfetchableLinks } from '../../git/worktrees/gitlinks.ts';
import { mergeCommit } from '../../git/branches/merge.ts';
import { gitDirs } from '../../git/git-dirs.ts';
import { resolveRepository } from '../../git/repository.ts';
import { Git } from '../../git/git.ts';
import { withoutGlobal } from '../../git/trust/local-programs.ts';
import { namedInAttributes } from '../../git/trust/needed-filters.ts';
import { readWorkspaceRecord } from '../../home/workspace-record.ts';
import type { Link } from '../connection/link.ts';
import type { KnownRun } from '../listing/runs.ts';
import type { MergeOptions } from '../types.ts';
import { recordMergedInStore } from './bring-back.ts';
import { findWork, workRemovedError, type Work } from './work.ts';

/** See `SubagentHandle.merge`. */
export async function mergeRun(link: Link, run: KnownRun, options: MergeOptions): Promise<MergeReport> {
  const { squash = false, force = false, message } = options;
  const work = await findWork(link, run);
  requireEnded(work, run.label);
  if (work.inPlace) {
    throw new SubagentsError(
      'BAD_INPUT',
      `${work.name} worked in place, in ${work.cwd}: there is nothing to merge`,
      {
        remedy: `See the changes with subagents diff ${run.label}, then commit what you want to keep.`,
      },
    );
  }
  const { head, branch, repository } = work;
  if (head === undefined) throw workRemovedError(work);
  if (!force) {
    requireDone(work, run);
    requireUnmoved(work, head, run);
    await requireWhole(work, head, run);
  }
  const checkout = await checkoutFor(work, run, options);
  const trusted = readWorkspaceRecord(work.cwd)?.trustRepo ?? false;
  const git = Git.at(checkout, { trusted });
  if (!trusted) await requireOwnPrograms(work, git);
  const name = branch ?? head.slice(0, 10);
  const text = message ?? (squash ? await squashMessage(work, head, name) : `Merge ${name}`);
  const { how, into, before, after } = await mergeCommit(git, {
    commit: head,
    name,
    squash,
    noFastForward: message !== undefined,
    message: text,
  });
  const files = await changedFiles(git, before, after);
  await Promise.all([recordMerge(link, run), recordMergedInStore(link, run, work.outcome)]);
  return {
    session: run.session,
    label: run.label,
    run: run.run,
    how,
    into,
    checkout,
    repository,
    branch,
    merged: head,
    before,
    commit: after,
    diffStat: {
      files: files.length,
      insertions: files.reduce((sum, { insertions }) => sum + insertions, 0),
      deletions: files.reduce((sum, { deletions }) => sum + deletions, 0),
    },
  };
}

/** Tells the session who merged the work, for its audit. The merge stands without it. */
async function recordMerge(link: Link, { session, label, run }: KnownRun): Promise<void> {
  const signal = { label, run } satisfies MergedSignal;
  await link
    .call('record the merge', () =>
      link.client.workflow
        .getHandle(sessionWorkflowId(session))
        .signal(signalName(SESSION.merged, `${label}@${run}`), signal),
    )
    .catch(() => undefined);
}

function requireEnded({ live, name }: Work, label: string): void {
  if (!live) return;
  throw new SubagentsError('STILL_LIVE', `${name} is still at work, so there is no finished work to merge`, {
    remedy: `Wait for it (subagents wait ${label}); subagents diff ${label} shows what it has so far.`,
  });
}

function requireDone({ outcome, name }: Work, { label }: KnownRun): void {
  if (outcome?.status === 'done') return;
  const why = outcome === undefined ? 'was terminated' : `ended as ${outcome.status}`;
  throw new SubagentsError('NOT_DONE', `${name} ${why}, so its work is not verified`, {
    remedy: `Look at it first (subagents diff ${label}); to merge it anyway: --force (force: true).`,
  });
}

/** The outcome describes one commit, but anyone who can write to the repository can move the branch. */
function requireUnmoved({ outcome, branch }: Work, head: string, { label }: KnownRun): void {
  const verified = outcome?.evidence?.head;
  if (verified === undefined || verified === head) return;
  const [from, to] = [verified.slice(0, 10), head.slice(0, 10)];
  throw new SubagentsError(
    'NOT_DONE',
    `${branch ?? 'its branch'} has moved since its outcome (from ${from} to ${to}): its current head is not the verified commit`,
    {
      remedy: `Look at it (subagents diff ${label}); then merge the current head with --force (force: true), or the verified commit: git merge ${from}`,
    },
  );
}

/** Rejects a run with blocking caveats: its branch lacks a part of the work, or must not be used as it is. */
async function requireWhole(
  { outcome, name, ...at }: Work,
  head: string,
  { label }: KnownRun,
): Promise<void> {
  let caveats = blocking(outcome?.caveats ?? []);
  // The submodules' commits may have been pushed or fetched since.
  const links = caveats.some(({ kind }) => kind === 'unfetchable-commits');
  if (links && existsSync(at.cwd) && (await nobodyHas(at, head)).length === 0)
    caveats = caveats.filter(({ kind }) => kind !== 'unfetchable-commits');
  const why = caveats.map(({ text }) => text);
  if (why.length === 0) return;
  throw new SubagentsError('CAVEATS', `${name} is done, but: ${why.join('; ')}`, {
    remedy: `Let the subagent fix that (subagents continue ${label} "<task>"), or merge its branch anyway with --force (force: true).`,
  });
}

const nobodyHas = (
  { cwd, repository: repo, base }: Pick<Work, 'cwd' | 'repository' | 'base'>,
  head: string,
) => unfetchableLinks(Git.at(cwd), { cwd, repo }, base, head);

/**
 * Rejects a merge that needs programs which only the checkout configures. Without them, the merge may differ from the
 * user's own; with them, a program that a subagent configured might run.
 */
async function requireOwnPrograms({ branch, head }: Work, git: Git): Promise<void> {
  const keys = await localPrograms(git, head ?? 'HEAD');
  const [first] = keys;
  if (first === undefined) return;
  throw new SubagentsError(
    'CHECKOUT_DIRTY',
    `the merge needs programs that only ${git.cwd} itself configures, and subagents does not run those: ${keys.join(', ')}`,
    {
      remedy: `Look at them (git -C ${git.cwd} config --get ${first}). Remove those that are not yours (git config --unset), then merge again; if they are yours, merge by hand: git merge ${branch ?? head}`,
    },
  );
}

/** The config keys of a checkout's programs that a merge of `head` needs and that we do not run. */
async function localPrograms(git: Git, head: string): Promise<string[]> {
  const programs = /^(filter\..*\.(clean|smudge|process)|merge\..*\.driver|gpg\..*)$/;
  const keys = [...(await withoutGlobal(git.cwd, programs)).keys()];
  if (keys.length === 0) return [];
  const needed: string[] = [];
  for (const attribute of ['filter', 'merge'] as const)
    for (const commit of ['HEAD', head])
      for (const driver of await namedInAttributes(git, commit, attribute))
        needed.push(`${attribute}.${driver}.`);
  const signs = await git.try(['config', '--type=bool', '--get', 'commit.gpgSign']);
  if (signs.stdout === 'true') needed.push('gpg.');
  return keys.filter((key) => needed.some((prefix) => key.startsWith(prefix)));
}

/** The checkout to merge into: `into`, else the one around `cwd`, else the one that the subagent was spawned from. */
async function checkoutFor(work: Work, { repo }: KnownRun, { into, cwd }: MergeOptions): Promise<string> {
  if (isRepositoryUrl(repo)) {
    throw new SubagentsError(
      'NOT_A_REPOSITORY',
      `${work.name} worked for ${repo}, in a clone without a checkout to merge into`,
      {
        remedy: `In a checkout of yours: git fetch ${work.repository} ${work.branch}, then git merge FETCH_HEAD`,
      },
    );
  }
  const origin = await resolveRepository(work.repository);
  const named = into === undefined ? undefined : await resolveRepository(into);
  const checkout = named ?? (await around(cwd)) ?? origin;
  if (gitDirs(checkout).commonDir !== gitDirs(origin).commonDir) {
    throw new SubagentsError(
      'NOT_A_REPOSITORY',
      `${checkout} is not a checkout of the repository of ${work.name}`,
      {
        remedy: `Change to ${work.repository} or to a worktree of it, and merge again.`,
      },
    );
  }
  // The subagent may have been spawned by another subagent, from that one's worktree.
  if (checkout === origin || !isOfSubagent(checkout, work)) return checkout;
  if (named === undefined) return origin;
  throw new SubagentsError(
    'BAD_INPUT',
    `${checkout} is the worktree of a subagent, which only the subagent may change`,
    {
      remedy: `Merge into ${origin}, or into a worktree that you made of it.`,
    },
  );
}

/** The checkout around a folder; undefined outside of any. */
async function around(folder: string | undefined): Promise<string | undefined> {
  return folder === undefined ? undefined : resolveRepository(folder).catch(() => undefined);
}

/** Whether a checkout is the worktree of this subagent, or one that a worker made for another subagent. */
function isOfSubagent(checkout: string, { cwd }: Work): boolean {
  const { gitDir, commonDir } = gitDirs(checkout);
  if (gitDir === commonDir) return false;
  try {
    return checkout === cwd || readWorkspaceRecord(checkout) !== undefined;
  } catch {
    return false; // A worktree of the user has an unrelated file of that name beside it.
  }
}

/** The message of a squash: that of a single commit, or the list of the subjects of several. */
async function squashMessage({ repository, base }: Work, head: string, name: string): Promise<string> {
  const commits = await commitsBetween(Git.at(repository), base, head);
  const [only] = commits;
  if (commits.length === 1 && only)
    return Git.at(repository).run(['log', '-1', '--no-show-signature', '--format=%B', only.sha, '--']);
  const subjects = commits.reverse().map(({ subject }) => `* ${subject}`);
  return [`Merge ${name} as one commit`, '', ...subjects, ''].join('\n');
}
