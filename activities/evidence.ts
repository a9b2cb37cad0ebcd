/** `collectEvidence`: after the last turn, everything is committed and measured, by us and not by the subagent. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cancellationSignal } from '@temporalio/activity';
import {
  MAX_LISTED_COMMITS,
  MAX_LISTED_FILES,
  type CollectInput,
  type CollectResult,
  type Evidence,
  type WorkerActivities,
} from '../src/contract/index.ts';
import { readOutput } from '../src/chain/output.ts';
import {
  changedFiles,
  changedInFolder,
  commitsBetween,
  fileAt,
  type ChangedFile,
} from '../src/git/changes.ts';
import { readCheckoutClaim, type CheckoutClaim } from '../src/git/checkout-lock.ts';
import { identityEnvironment } from '../src/git/identity.ts';
import { gitDirs } from '../src/git/repository.ts';
import { tryGit, withSettings } from '../src/git/run.ts';
import { plantedSince, settingsAgainst, type Planted } from '../src/git/planted.ts';
import { differences, notCompared, readSurroundings } from '../src/git/surroundings.ts';
import { settleWorktree } from '../src/git/settle.ts';
import { checkoutStatus } from '../src/git/status.ts';
import { notesOn, pathsOf, untouched } from '../src/git/uncommitted.ts';
import { aloneInSubmodules } from '../src/git/unmerged.ts';
import { restoreWorktree } from '../src/git/worktree.ts';
import { branchesOver } from '../src/home/run-record.ts';
import {
  readWorkspaceRecord,
  writeWorkspaceRecord,
  type WorkspaceRecord,
} from '../src/home/workspace-record.ts';
import { readArtifacts } from './artifacts.ts';
import { reportingFailures } from './failures.ts';
import { sensitiveChanges } from './sensitive.ts';
import { putAside } from './set-up.ts';
import { surroundingsBefore } from './workspace.ts';
import type { WorkspaceHome } from './workspace-common.ts';

/** `package.json` files read to compare their scripts; in a larger change the rest goes unread. */
const MAX_PACKAGE_FILES = 50;

export interface EvidenceDependencies {
  readonly home: WorkspaceHome;
}

export function createEvidenceActivities(
  on: EvidenceDependencies,
): Pick<WorkerActivities, 'collectEvidence'> {
  return {
    collectEvidence: (input) =>
      reportingFailures(async () => withWords(input, await collectGuarded(on, input, cancellationSignal()))),
  };
}

/** The first line of the commit that holds what a subagent left uncommitted. */
export const leftoversSubject = (label: string): string => `Save what subagent ${label} left uncommitted`;

/** Reads the data of the report, and the files to hand on, where there are to be any. */
async function withWords(
  { spec, workspace, report, artifacts }: CollectInput,
  collected: CollectResult,
): Promise<CollectResult> {
  if (collected.kind !== 'collected') return collected;
  return {
    ...collected,
    ...(spec.output !== undefined && report !== undefined && { output: readOutput(report, spec.output) }),
    ...(artifacts && { artifacts: await readArtifacts(workspace.cwd, artifacts) }),
  };
}

/** Collects with what was configured in the repository meanwhile running nothing here, and tells what changed around. */
async function collectGuarded(
  on: EvidenceDependencies,
  input: CollectInput,
  signal: AbortSignal,
): Promise<CollectResult> {
  const { cwd } = input.workspace;
  const { isolation } = input.spec;
  const inPlace = isolation === 'in-place';
  const repo = inPlace ? cwd : input.spec.repo;
  const before = surroundingsBefore({ subagent: input.subagent, isolation, cwd });
  const collect = (restored: readonly string[]) =>
    inPlace ? collectInPlace(input) : collectWorktree(on, input, restored, signal);
  if (before === undefined) return collect(inPlace ? [] : await restore(on, input, signal));

  const planted = (at: string): Promise<Planted> => plantedSince(at, before.programs);
  const own = inPlace ? Promise.resolve({}) : planted(cwd);
  own.catch(() => undefined); // where it is gone, or no worktree, it is restored
  const shared = await planted(repo);
  const restored = inPlace
    ? []
    : await withSettings(settingsAgainst(shared), () => restore(on, input, signal));
  // A worktree that was linked to another repository showed the configuration of that one, not its own.
  const all = { ...shared, ...(restored.length > 0 ? await planted(cwd) : await own) };
  if (!inPlace) remember(cwd, all);
  return withSettings(settingsAgainst(all), async () => {
    // What is collected lies in the worktree and on the branch of a run that is live, which is not compared.
    const [after, collected] = await Promise.all([readSurroundings(repo, isolation), collect(restored)]);
    if (collected.kind !== 'collected') return collected;
    const over = before.at === undefined ? undefined : branchesOver(on.home, repo, before.at);
    const touchedOutside = differences(before, after, over);
    return {
      ...collected,
      evidence: { ...collected.evidence, ...(touchedOutside.length > 0 && { touchedOutside }) },
      notes: [...collected.notes, ...notCompared(before, after)],
    };
  });
}

function remember(cwd: string, planted: Planted): void {
  const record = readWorkspaceRecord(cwd);
  if (record) writeWorkspaceRecord(cwd, { ...record, planted });
}

/** Makes the worktree whole again; gives what was found. */
async function restore(
  on: EvidenceDependencies,
  input: CollectInput,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { cwd, branch } = worktreeOf(input);
  const { commonDir } = gitDirs(input.spec.repo);
  const options = await gitOptions(on, input, signal);
  return restoreWorktree({ cwd, commonDir }, { branch, base: startOf(input) }, options);
}

async function collectWorktree(
  on: EvidenceDependencies,
  input: CollectInput,
  restored: readonly string[],
  signal: AbortSignal,
): Promise<CollectResult> {
  const { cwd, base, branch } = worktreeOf(input);
  const { subagent, spec } = input;
  const { commonDir } = gitDirs(spec.repo);
  const start = startOf(input);
  const record = await afterCutShortSetUp(cwd);
  const subject = leftoversSubject(subagent.label);
  const settled = await settleWorktree(
    {
      ...{ cwd, base: start, branch },
      stem: subagent.label,
      message: `${subject}\n\nThe subagent ended its turn with these changes in its worktree.\n`,
      left: record === undefined ? [] : [record.leftBySetUp, record.leftByVerification],
    },
    await gitOptions(on, input, signal),
  );
  const { head } = settled;
  const [commits, files, stashes, submodules] = await Promise.all([
    commitsBetween(cwd, base, head),
    changedFiles(cwd, base, head),
    stashNotes(commonDir, branch),
    submoduleNotes(cwd, spec.repo),
  ]);
  const contents = (file: ChangedFile) =>
    Promise.all([fileAt(cwd, base, file.from ?? file.path), fileAt(cwd, head, file.path)]);
  return {
    kind: 'collected',
    evidence: {
      ...{ cwd, branch, base, head },
      commits: commits.slice(0, MAX_LISTED_COMMITS),
      commitCount: commits.length,
      ...(await measured(files, contents)),
      savedLeftovers: commits.some((commit) => commit.subject === subject),
      uncommitted: [],
    },
    notes: [...restored, ...settled.notes, ...stashes, ...submodules],
  };
}

function worktreeOf({ workspace: { cwd, base, branch } }: CollectInput) {
  if (branch === null) throw new Error('a worktree without a branch');
  return { cwd, base, branch };
}

/** Where its branch begins. */
const startOf = ({ spec, workspace }: CollectInput): string => spec.carried?.commit ?? workspace.base;

async function gitOptions({ home }: EvidenceDependencies, { subagent }: CollectInput, signal: AbortSignal) {
  const env = await identityEnvironment(home.root);
  return { env, signal, copilotSessionId: subagent.copilotSessionId };
}

/** Of a set-up that was cut short by a kill, nothing is the subagent's. */
async function afterCutShortSetUp(cwd: string): Promise<WorkspaceRecord | undefined> {
  const record = readWorkspaceRecord(cwd);
  if (record?.setUp?.state !== 'running') return record;
  const { left } = await putAside(cwd);
  const known: WorkspaceRecord = { ...record, leftBySetUp: left };
  writeWorkspaceRecord(cwd, known);
  return known;
}

async function collectInPlace({ subagent, workspace: { cwd, base } }: CollectInput): Promise<CollectResult> {
  const { gitDir } = gitDirs(cwd);
  const status = await checkoutStatus(cwd);
  const head = status.head ?? base;
  const claim = readCheckoutClaim(gitDir, subagent.runId);
  const uncommitted = pathsOf(status);
  const { before } = claim ?? {};
  const leftOut = untouched(cwd, before ?? {}, uncommitted);
  const [commits, changed] = await Promise.all([
    commitsBetween(cwd, base, head),
    changedInFolder(
      cwd,
      base,
      status.untracked.filter((path) => !leftOut.has(path)),
    ),
  ]);
  const files = changed.filter(({ path }) => !leftOut.has(path));
  const contents = (file: ChangedFile) =>
    Promise.all([
      fileAt(cwd, base, file.from ?? file.path),
      readFile(join(cwd, file.path), 'utf8').catch(() => undefined),
    ]);
  return {
    kind: 'collected',
    evidence: {
      ...{ cwd, base, head },
      branch: status.branch ?? null,
      commits: commits.slice(0, MAX_LISTED_COMMITS),
      commitCount: commits.length,
      ...(await measured(files, contents)),
      savedLeftovers: false,
      uncommitted: uncommitted.slice(0, MAX_LISTED_FILES),
    },
    notes: [...beforeNotes(uncommitted, leftOut, claim), ...notesOn(cwd, before ?? {}, files)],
  };
}

/** How much of what is uncommitted is the user's. */
function beforeNotes(
  uncommitted: readonly string[],
  leftOut: ReadonlySet<string>,
  claim: CheckoutClaim | undefined,
): string[] {
  if (claim?.before !== undefined) {
    return leftOut.size === 0
      ? []
      : [`${leftOut.size} of the uncommitted files are as they were before it began, and are not counted`];
  }
  const before = new Set(claim?.uncommittedBefore);
  const already = uncommitted.filter((path) => before.has(path)).length;
  return already === 0
    ? []
    : [`${already} of the uncommitted files were changed before the subagent began as well`];
}

/** Counts over all files; lists of the first ones. */
async function measured(
  files: readonly ChangedFile[],
  contents: Parameters<typeof sensitiveChanges>[1],
): Promise<Pick<Evidence, 'diffStat' | 'filesChanged' | 'sensitive'>> {
  let packages = 0;
  const bounded = (file: ChangedFile) =>
    ++packages <= MAX_PACKAGE_FILES ? contents(file) : Promise.resolve([undefined, undefined] as const);
  return {
    diffStat: {
      files: files.length,
      insertions: files.reduce((sum, { insertions }) => sum + insertions, 0),
      deletions: files.reduce((sum, { deletions }) => sum + deletions, 0),
    },
    filesChanged: files.slice(0, MAX_LISTED_FILES).map(({ path }) => path),
    sensitive: (await sensitiveChanges(files, bounded)).slice(0, MAX_LISTED_FILES),
  };
}

/** A stash belongs to the whole repository; what a subagent stashed on its branch is named, since nobody looks there. */
async function stashNotes(commonDir: string, branch: string): Promise<string[]> {
  if (!existsSync(join(commonDir, 'logs/refs/stash')) && !existsSync(join(commonDir, 'reftable'))) return [];
  const args = ['log', '--walk-reflogs', '--format=%gd %gs', 'refs/stash', '--'];
  const { stdout } = await tryGit(args, { cwd: commonDir });
  const own = stdout.split('\n').filter((line) => / on (\S+):/i.exec(line)?.[1] === branch);
  if (own.length === 0) return [];
  const names = own.map((line) => line.split(' ')[0]).join(', ');
  return [`work was left in the stash of the repository: ${names} (git stash list)`];
}

/** The branch names commits of a submodule; it does not hold them. */
async function submoduleNotes(cwd: string, repo: string): Promise<string[]> {
  return (await aloneInSubmodules(cwd, repo)).map(
    ({ path, commits }) =>
      `the submodule ${path} has ${commits} ${commits === 1 ? 'commit' : 'commits'} that only the worktree has: ` +
      `push from there (git -C ${join(cwd, path)} push), or fetch them into your copy`,
  );
}
