/**
 * `collectEvidence`: commits and measures the subagent's work after its last turn. The worker does this, not the
 * subagent.
 */
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
} from '../../src/contract/index.ts';
import { readOutputInThread } from '../../src/chain/output-in-thread.ts';
import { restoreSetAside, restoreFailureNote } from '../../src/git/commits/set-aside.ts';
import { ensureNormalBranch } from '../../src/git/branches/branch.ts';
import {
  changedFiles,
  changedInFolder,
  commitsBetween,
  fileAt,
  type ChangedFile,
} from '../../src/git/contents/changes.ts';
import { readCheckoutLockEntry, type CheckoutLockEntry } from '../../src/git/locks/checkout-lock.ts';
import { identityEnvironment } from '../../src/git/trust/identity.ts';
import { clearIndexMarks } from '../../src/git/commits/index-marks.ts';
import { headMoves, type Move } from '../../src/git/branches/lost-commits.ts';
import { restoringSettings } from '../../src/git/trust/content-settings.ts';
import { gitDirs } from '../../src/git/git-dirs.ts';
import { Git } from '../../src/git/git.ts';
import {
  describeDifferences,
  describeNotCompared,
  readRepositorySnapshot,
} from '../../src/git/trust/repository-snapshot.ts';
import { commitWorktree } from '../../src/git/commits/commit-worktree.ts';
import { restoreSparse } from '../../src/git/worktrees/sparse.ts';
import { checkoutStatus } from '../../src/git/contents/status.ts';
import { findNestedWork } from '../../src/git/contents/nested-work.ts';
import { uncommittedNotes, pathsOf, unchangedSince } from '../../src/git/contents/uncommitted.ts';
import { adminDir, lockWorktree, restoreWorktree } from '../../src/git/worktrees/worktree.ts';
import { branchesOfEndedRuns, hasEnded } from '../../src/home/run-record.ts';
import { requireWalls } from '../../src/home/sandboxes.ts';
import { publishBranch } from '../../src/git/worktrees/private-repository.ts';
import {
  readWorkspaceRecord,
  recordOfRun,
  writeWorkspaceRecord,
  type WorkspaceRecord,
} from '../../src/home/workspace-record.ts';
import { readArtifacts } from './artifacts.ts';
import { caveatsInPlace, caveatsOf, recordSideBranches, recordUnfinished } from './caveats.ts';
import { discardFreshCheckout } from '../verification/fresh-checkout.ts';
import { withFailureCodes } from '../failures.ts';
import { lastKnownCommit } from '../turn/last-known.ts';
import { committedCaveats } from './committed.ts';
import { readableWorktreeStatus } from '../../src/git/commits/own-index.ts';
import { compareIgnored } from './ignored.ts';
import { sensitiveChanges } from './sensitive.ts';
import { resetSetUpChanges } from '../workspace/set-up.ts';
import { boundedUnsaved, ignoredCaveats, unsavedCaveats } from './unsaved-work.ts';
import { readSnapshotBefore } from '../workspace/workspace.ts';
import { restoreRecorded, type WorkspaceHome } from '../workspace/workspace-common.ts';

/** Maximum number of `package.json` files whose scripts are compared; further ones are not read. */
const MAX_PACKAGE_FILES = 50;

/** What `collectEvidence` needs of its worker. */
export interface EvidenceDependencies {
  readonly home: WorkspaceHome;
}

/** Creates the `collectEvidence` activity. */
export function createEvidenceActivities(
  deps: EvidenceDependencies,
): Pick<WorkerActivities, 'collectEvidence'> {
  return {
    collectEvidence: (input) =>
      withFailureCodes(
        async () => withReportData(input, await collectAnywhere(deps, input, cancellationSignal())),
        [],
        async () => ({ evidence: await lastKnownCommit(input), remedy: worktreeLocationText(input) }),
      ),
  };
}

/** Subject of the commit that holds what a subagent left uncommitted. */
export const leftoversSubject = (label: string): string => `Save what subagent ${label} left uncommitted`;

const worktreeLocationText = ({ subagent, workspace: { cwd, branch } }: CollectInput): string =>
  `Its work is unchanged in ${cwd}${branch === null ? '' : ` and on ${branch}`}. Fix what git reports there, then continue the subagent: subagents continue ${subagent.label}`;

/** Adds the structured data of the report and the artifacts, when the spawn asks for them. */
async function withReportData(
  { spec, workspace, report, artifacts }: CollectInput,
  collected: CollectResult,
): Promise<CollectResult> {
  if (collected.kind !== 'collected') return collected;
  return {
    ...collected,
    ...(spec.output !== undefined &&
      report !== undefined && { output: await readOutputInThread(report, spec.output) }),
    ...(artifacts && { artifacts: await readArtifacts(workspace.cwd, artifacts) }),
  };
}

/** Collects, and brings the branch of a sandboxed subagent into the caller's repository. */
async function collectAnywhere(
  deps: EvidenceDependencies,
  input: CollectInput,
  signal: AbortSignal,
): Promise<CollectResult> {
  const { workspace, spec, subagent } = input;
  const { isolation } = spec;
  const { repo, sandbox } = recordOfRun({ isolation, cwd: workspace.cwd }) ?? {};
  if (spec.sandbox) requireWalls(workspace.cwd);
  if (repo === undefined || sandbox === undefined) return collectGuarded(deps, input, signal);
  const collected = await collectGuarded(deps, { ...input, spec: { ...spec, repo } }, signal);
  if (collected.kind !== 'collected') return collected;
  const { branch } = worktreeOf(input);
  const { copilotSessionId } = subagent;
  const user = Git.at(sandbox.caller, { signal, copilotSessionId });
  const notes = await publishBranch(Git.at(repo), user, branch);
  return { ...collected, notes: [...collected.notes, ...notes] };
}

/** Collects with the git settings from before the subagent began, and reports changes outside its workspace. */
async function collectGuarded(
  deps: EvidenceDependencies,
  input: CollectInput,
  signal: AbortSignal,
): Promise<CollectResult> {
  const { cwd } = input.workspace;
  const { isolation } = input.spec;
  const inPlace = isolation === 'in-place';
  const repo = inPlace ? cwd : input.spec.repo;
  const before = readSnapshotBefore({ subagent: input.subagent, isolation, cwd });
  // Read before the restore: a worktree that is made again has a new reflog.
  const moves = inPlace ? [] : headMoves(adminDir({ cwd, commonDir: gitDirs(repo).commonDir }));
  const collect = (git: Git, restored: readonly string[]) =>
    inPlace ? collectInPlace(git, input) : collectWorktree(deps, git, input, { restored, moves }, signal);
  const trusting = Git.at(cwd, { trusted: input.spec.trustRepo });
  const restored = inPlace ? [] : await restore(deps, trusting, input, signal);
  if (before === undefined) return collect(trusting, restored);
  const config = inPlace ? [] : await restoringSettings(trusting, before.readings);
  const git = trusting.with({ config });
  // May run in parallel: collecting changes only the worktree and branch of a live run, which the snapshots do not
  // compare.
  const [after, collected] = await Promise.all([
    readRepositorySnapshot(git.in(repo), isolation),
    collect(git, restored),
  ]);
  if (collected.kind !== 'collected') return collected;
  const over = before.at === undefined ? undefined : branchesOfEndedRuns(deps.home, repo, before.at);
  // Outside its walls a sandboxed subagent touches nothing.
  const walled = recordOfRun({ isolation, cwd })?.sandbox !== undefined;
  const touchedOutside = walled ? [] : describeDifferences(before, after, over);
  return {
    ...collected,
    evidence: { ...collected.evidence, ...(touchedOutside.length > 0 && { touchedOutside }) },
    notes: [...collected.notes, ...(walled ? [] : describeNotCompared(before, after))],
  };
}

/** Repairs the worktree; returns notes on what was repaired. */
async function restore(
  deps: EvidenceDependencies,
  trusting: Git,
  input: CollectInput,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { cwd, branch } = worktreeOf(input);
  const place = { cwd, commonDir: gitDirs(input.spec.repo).commonDir };
  const git = trusting.with(await gitOptions(deps, input, signal));
  const record = readWorkspaceRecord(cwd);
  const notes =
    record === undefined
      ? [
          ...(await ensureNormalBranch(git.in(place.commonDir), branch)),
          ...(await restoreWorktree(place, { branch, base: startOf(input) }, git)).notes,
        ]
      : await restoreRecorded(place, record, git);
  // A worktree that was made again needs the lock too. After a kill the run has already ended.
  if (!hasEnded(deps.home, input.subagent)) await lockWorktree(place);
  return notes;
}

async function collectWorktree(
  deps: EvidenceDependencies,
  git: Git,
  input: CollectInput,
  { restored, moves }: { restored: readonly string[]; moves: readonly Move[] },
  signal: AbortSignal,
): Promise<CollectResult> {
  const { cwd, base, branch } = worktreeOf(input);
  const { subagent, spec } = input;
  const { commonDir } = gitDirs(spec.repo);
  const start = startOf(input);
  const back = restoreSetAside(cwd);
  await discardFreshCheckout(cwd, spec.repo);
  const record = await afterCutShortSetUp(git);
  const subject = leftoversSubject(subagent.label);
  await recordUnfinished(git);
  const writing = git.with(await gitOptions(deps, input, signal));
  const settled = await commitWorktree(
    {
      cwd,
      base: start,
      branch,
      stem: subagent.label,
      message: `${subject}\n\nThe subagent ended its turn with these changes in its worktree.\n`,
      commandArtifacts: record === undefined ? [] : [record.leftBySetUp, record.leftByVerification],
    },
    writing,
  );
  const { head } = settled;
  recordSideBranches(cwd, settled.sideBranches);
  const sparse = await restoreSparse(writing, record?.sparse);
  const [commits, files, within, ignored] = await Promise.all([
    commitsBetween(git, base, head),
    changedFiles(git, base, head),
    findNestedWork(writing),
    readableWorktreeStatus(git).then((status) => compareIgnored(git, status, record?.ignored ?? {})),
  ]);
  const unsaved = [...back, ...settled.unsaved, ...within, ...ignored.unsaved];
  const changed = files.map(({ path }) => path);
  const at = spec.continues ? undefined : record?.snapshot?.at;
  const since = at === undefined ? undefined : Date.parse(at);
  const caveats = await caveatsOf(git, {
    cwd,
    repo: spec.repo,
    commonDir,
    branch,
    base,
    head,
    changed,
    moves,
    since,
  });
  const contents = (file: ChangedFile) =>
    Promise.all([fileAt(git, base, file.from ?? file.path), fileAt(git, head, file.path)]);
  return {
    kind: 'collected',
    evidence: {
      cwd,
      branch,
      base,
      head,
      commits: commits.slice(0, MAX_LISTED_COMMITS),
      commitCount: commits.length,
      ...(await measured(files, contents)),
      savedLeftovers: commits.some((commit) => commit.subject === subject),
      uncommitted: [],
      ...(unsaved.length > 0 && { unsaved: boundedUnsaved(unsaved) }),
      ...(ignored.ignored.length > 0 && { ignored: ignored.ignored.slice(0, MAX_LISTED_FILES) }),
    },
    caveats: [
      ...unsavedCaveats(unsaved),
      ...caveats,
      ...(await committedCaveats(git, { base: start, head, files })),
      ...ignoredCaveats(ignored.ignored),
    ],
    notes: [...restored, ...back.map(restoreFailureNote), ...settled.notes, ...sparse],
  };
}

function worktreeOf({ workspace: { cwd, base, branch } }: CollectInput) {
  if (branch === null) throw new Error('a worktree without a branch');
  return { cwd, base, branch };
}

/** The commit that the subagent's branch starts from. */
const startOf = ({ spec, workspace }: CollectInput): string => spec.carried?.commit ?? workspace.base;

async function gitOptions({ home }: EvidenceDependencies, { subagent }: CollectInput, signal: AbortSignal) {
  const env = await identityEnvironment(Git.at(home.root));
  return { env, signal, copilotSessionId: subagent.copilotSessionId };
}

/**
 * Records the files of an interrupted set-up as left by set-up, so that they do not count as the subagent's work.
 */
async function afterCutShortSetUp(git: Git): Promise<WorkspaceRecord | undefined> {
  const record = readWorkspaceRecord(git.cwd);
  if (record?.setUp?.state !== 'running') return record;
  const { left } = await resetSetUpChanges(git, { keep: true });
  const known: WorkspaceRecord = { ...record, leftBySetUp: left };
  writeWorkspaceRecord(git.cwd, known);
  return known;
}

async function collectInPlace(
  git: Git,
  { subagent, workspace: { cwd, base } }: CollectInput,
): Promise<CollectResult> {
  const claim = readCheckoutLockEntry(gitDirs(cwd).gitDir, subagent.runId);
  const marks = await clearIndexMarks(git, claim?.marks);
  const status = await checkoutStatus(git);
  const head = status.head ?? base;
  const uncommitted = pathsOf(status);
  const { before } = claim ?? {};
  const leftOut = unchangedSince(cwd, before ?? {}, uncommitted);
  const [commits, changed] = await Promise.all([
    commitsBetween(git, base, head),
    changedInFolder(
      git,
      base,
      status.untracked.filter((path) => !leftOut.has(path)),
    ),
  ]);
  const files = changed.filter(({ path }) => !leftOut.has(path));
  const contents = (file: ChangedFile) =>
    Promise.all([
      fileAt(git, base, file.from ?? file.path),
      readFile(join(cwd, file.path), 'utf8').catch(() => undefined),
    ]);
  return {
    kind: 'collected',
    evidence: {
      cwd,
      base,
      head,
      branch: status.branch ?? null,
      commits: commits.slice(0, MAX_LISTED_COMMITS),
      commitCount: commits.length,
      ...(await measured(files, contents)),
      savedLeftovers: false,
      uncommitted: uncommitted.slice(0, MAX_LISTED_FILES),
    },
    caveats: await caveatsInPlace(git, {
      cwd,
      base,
      head,
      branch: status.branch,
      changed: files.map(({ path }) => path),
    }),
    notes: [
      ...marks,
      ...beforeNotes(uncommitted, leftOut, claim),
      ...uncommittedNotes(cwd, before ?? {}, files),
    ],
  };
}

/** Notes how many uncommitted files the user had changed before. */
function beforeNotes(
  uncommitted: readonly string[],
  leftOut: ReadonlySet<string>,
  claim: CheckoutLockEntry | undefined,
): string[] {
  if (claim?.before !== undefined) {
    return leftOut.size === 0
      ? []
      : [
          `${leftOut.size} of the uncommitted files have not changed since before the subagent began; they are not counted`,
        ];
  }
  const before = new Set(claim?.uncommittedBefore);
  const already = uncommitted.filter((path) => before.has(path)).length;
  return already === 0
    ? []
    : [`${already} of the uncommitted files already had changes before the subagent began`];
}

/** The counts cover all files; the lists are limited to the first ones. */
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
