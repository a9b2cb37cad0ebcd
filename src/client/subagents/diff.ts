/** Reads the changes of a subagent as text. */
import { existsSync } from 'node:fs';
import { checkoutStatus } from '../../git/contents/status.ts';
import { diffText } from '../../git/contents/diff.ts';
import { gitOfRun } from '../../home/git-of-run.ts';
import type { Link } from '../connection/link.ts';
import type { KnownRun } from '../listing/runs.ts';
import type { DiffOptions } from '../types.ts';
import { findWork, workRemovedError, type Work } from './work.ts';
import type { Git } from '../../git/git.ts';
import type { SubagentDiff } from '../../contract/index.ts';

const MAX_BYTES = 4 * 1024 * 1024;
const WIDTH = 100;

/** See `SubagentHandle.diff`. */
export async function readDiff(link: Link, run: KnownRun, options: DiffOptions): Promise<SubagentDiff> {
  const { stat = false, maxBytes = MAX_BYTES, width = WIDTH, signal } = options;
  const work = await findWork(link, run);
  const inFolder = (work.live || work.inPlace) && existsSync(work.cwd);
  if (!inFolder && work.head === undefined) throw workRemovedError(work);
  const place = {
    cwd: work.cwd,
    runId: run.runId,
    isolation: work.inPlace ? ('in-place' as const) : ('worktree' as const),
  };
  const git = await gitOfRun(place);
  const { text, truncated } = await diffText(git.in(inFolder ? work.cwd : work.repository), {
    stat,
    width,
    maxBytes,
    signal,
    from: work.base,
    ...(!inFolder && { to: work.head }),
  });
  return {
    session: run.session,
    label: run.label,
    run: run.run,
    live: work.live,
    repository: work.repository,
    branch: work.branch,
    base: work.base,
    text,
    truncated,
    head: inFolder ? null : (work.head ?? null),
    notes: await notes(git, work, inFolder),
  };
}

async function notes(git: Git, work: Work, inFolder: boolean): Promise<string[]> {
  const { live, branch, branchExists, head, outcome } = work;
  if (live) {
    const { changed, untracked } = await checkoutStatus(git);
    const count = changed.length + untracked.length;
    return [
      `the subagent is at work: this is the current state of its folder, with ${count} uncommitted paths`,
    ];
  }
  if (inFolder)
    return [
      'the subagent worked in place: this is the current state of the checkout, including your own changes since',
    ];
  if (branch !== null && !branchExists)
    return [`its branch ${branch} is gone: this is the head commit of its outcome, ${head?.slice(0, 10)}`];
  const reported = outcome?.evidence?.head;
  if (reported !== undefined && head !== reported)
    return [`${branch} has moved since its outcome: from ${reported.slice(0, 10)} to ${head?.slice(0, 10)}`];
  return [];
}
