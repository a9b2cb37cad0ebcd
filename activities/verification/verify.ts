/**
 * `verifyCommit`: runs the verification commands on the commit that the outcome will name, and reports problems.
 */
import { join } from 'node:path';
import { cancellationSignal, heartbeat } from '@temporalio/activity';
import {
  HEARTBEAT_INTERVAL_MS,
  MAX_OUTPUT_TAIL_CHARS,
  VERIFY_TIMEOUT_MS,
  type Verification,
  type VerifyInput,
  type VerifyResult,
  type WorkerActivities,
} from '../../src/contract/index.ts';
import {
  emptyFolders,
  withAttributesAsBefore,
  differingFromCheckout,
} from '../../src/git/commits/as-checked-out.ts';
import {
  describeArtifacts,
  classifyUntracked,
  type KnownArtifacts,
} from '../../src/git/contents/artifacts.ts';
import { restoreSetAside, restoreFailureNote, setAside } from '../../src/git/commits/set-aside.ts';
import { identityEnvironment } from '../../src/git/trust/identity.ts';
import { readableWorktreeStatus } from '../../src/git/commits/own-index.ts';
import { resetBranch } from '../../src/git/branches/reset-branch.ts';
import { resetTracked } from '../../src/git/commits/reset-tracked.ts';
import { findNestedWork } from '../../src/git/contents/nested-work.ts';
import { specialFiles } from '../../src/git/contents/special-files.ts';
import { describeMovedBranches, readBranches } from '../../src/git/trust/repository-snapshot.ts';
import {
  checkoutStatus,
  differingPaths,
  changedFileHashes,
  type CheckoutStatus,
} from '../../src/git/contents/status.ts';
import { EndedRuns } from '../../src/home/ended-runs.ts';
import { secretsIn } from '../../src/environment/clean.ts';
import { gitOfRun } from '../../src/home/git-of-run.ts';
import { Redactor } from '../../src/environment/redact.ts';
import {
  readWorkspaceRecord,
  recordOfRun,
  runFolder,
  writeWorkspaceRecord,
  type WorkspaceRecord,
} from '../../src/home/workspace-record.ts';
import {
  commandRecord,
  MAX_OUTPUT_FILE_BYTES,
  quotedPaths,
  secondsText,
  TIMED_OUT,
} from './command-record.ts';
import {
  asideHints,
  commandProblem,
  failedVerificationPrompt,
  freshSetUpProblem,
  headMoved,
  headMovedByCommands,
  trackedFilesChanged,
  worktreeReplaced,
} from '../../src/prompts/index.ts';
import { commandEnvironment } from './command-environment.ts';
import { runCommand } from './command.ts';
import { snapshotIgnored, compareIgnored } from '../evidence/ignored.ts';
import { withFreshCheckout } from './fresh-checkout.ts';
import { withFailureCodes } from '../failures.ts';
import { NO_SPACE_RULES, SpaceGate, type SpaceRules } from '../slot/space-gate.ts';
import { ensureOwnWorktree } from '../workspace/workspace-common.ts';
import { removeLocksOfKilledGit } from '../ending/killed-git.ts';
import { WorkClock } from '../../src/system/work-clock.ts';
import { Git } from '../../src/git/git.ts';
import { headCommit } from '../../src/git/repository.ts';

/** Maximum number of paths recorded as left by verification. */
const MAX_KEPT_PATHS = 1_000;
/** Maximum output sent back to the subagent, shared among the failed commands. */
const MAX_PROMPT_OUTPUT_CHARS = 12_000;

/** What `verifyCommit` needs of its worker. */
export interface VerifyDependencies {
  readonly home: { readonly root: string; readonly paths: { readonly outputs: string } };
  /** Commands wait until this much space is free; default: they never wait. */
  readonly space?: SpaceRules;
  /** Time limit of one command, in milliseconds; default 30 minutes. */
  readonly timeoutMs?: number;
  /** Maximum size of a command's output file; default 50 MiB. */
  readonly maxOutputBytes?: number;
  /** Removes secrets from the commands' output; default: the secrets of this process. */
  readonly redactor?: Redactor;
  /** Ended runs, for which no further command is started; default: none. */
  readonly ended?: EndedRuns;
}

/** The state of one verification. */
interface Verifying extends VerifyDependencies {
  /** Whether commands run behind the walls of a sandbox, or not at all. */
  readonly sandboxed: boolean;
  readonly gate: SpaceGate;
  /** Git in the folder that is verified. */
  readonly git: Git;
}

/**
 * Creates the `verifyCommit` activity. A failed command does not stop the following ones, so that the subagent can
 * fix all problems in one turn. After a command that exceeded its time limit the rest are skipped, since each may
 * take as long; they are listed as not run.
 */
export function createVerifyActivities(deps: VerifyDependencies): Pick<WorkerActivities, 'verifyCommit'> {
  const { ended = new EndedRuns() } = deps;
  return {
    verifyCommit: (input) =>
      withFailureCodes(async () => {
        const signal = AbortSignal.any([cancellationSignal(), ended.signal(input.subagent)]);
        const clock = new WorkClock();
        const gate = new SpaceGate([deps.home.root, input.cwd], deps.space ?? NO_SPACE_RULES);
        const worked = (): number => Math.max(0, clock.workedMs - gate.waitedMs);
        const beat = setInterval(() => heartbeat({ workedMs: worked() }), HEARTBEAT_INTERVAL_MS);
        try {
          const place = { ...input, runId: input.subagent.runId };
          const git = await gitOfRun(place);
          const sandboxed = recordOfRun(input)?.sandbox !== undefined;
          const result = await verify({ ...deps, gate, git, sandboxed }, input, signal);
          return result.kind === 'lost' ? result : { ...result, workedMs: worked() };
        } finally {
          clearInterval(beat);
        }
      }),
  };
}

async function verify(deps: Verifying, input: VerifyInput, signal: AbortSignal): Promise<VerifyResult> {
  const { cwd, head, isolation } = input;
  if (isolation === 'in-place') return verifyInFolder(deps, input, signal, []);
  if (input.fresh) return verifyFresh(deps, input, signal, input.fresh);
  // An interrupted attempt may have left the folder in any state.
  const notes = [...(await ensureOwnWorktree(deps.git)), ...restoreSetAside(cwd).map(restoreFailureNote)];
  await removeLocksOfKilledGit(input);
  const at = await headCommit(deps.git);
  if (at !== head) return verified([], notes, { tree: [headMoved(head, at)] });
  notes.push(...(await afterInterruption(deps.git, head)));
  const aside = await setUnsavedAside(deps.git, head);
  try {
    const result = await verifyInFolder(deps, input, signal, [...notes, ...asideNotes(aside)], aside);
    return { ...result, notes: [...result.notes, ...restoreSetAside(cwd).map(restoreFailureNote)] };
  } finally {
    await ensureOwnWorktree(deps.git);
    restoreSetAside(cwd);
  }
}

/** Runs the set-up and the verification commands in a fresh checkout. */
async function verifyFresh(
  deps: Verifying,
  input: VerifyInput,
  signal: AbortSignal,
  { repo, setup }: NonNullable<VerifyInput['fresh']>,
): Promise<VerifyResult> {
  const { cwd, head, subagent } = input;
  const options = {
    signal,
    copilotSessionId: subagent.copilotSessionId,
    env: await identityEnvironment(Git.at(deps.home.root)),
  };
  return withFreshCheckout({ cwd, head, repo }, deps.git.with(options), async (fresh) => {
    const there: VerifyInput = { ...input, cwd: fresh, isolation: 'in-place' };
    const inFresh = { ...deps, git: deps.git.in(fresh) };
    const notes: string[] = [];
    for (const [index, command] of setup.entries()) {
      const { verification, notes: said } = await runOne(
        inFresh,
        there,
        command,
        `set-up-${index + 1}`,
        signal,
      );
      notes.push(...said);
      if (verification.exitCode === 0) continue;
      const problem = freshSetUpProblem(
        commandProblem(verification, took(verification), MAX_OUTPUT_TAIL_CHARS),
      );
      return verified([verification], notes, { commands: [problem], tree: [] });
    }
    // Changes that set-up makes to tracked files are nobody's work.
    await resetTracked(deps.git.in(fresh).with(options), {
      to: head,
      why: 'Files that set-up had changed',
      keep: false,
    });
    const result = await verifyInFolder(inFresh, there, signal, [...notes, 'verified in a fresh checkout']);
    return result;
  });
}

/** Runs the commands in the folder as it is, and checks what they changed. */
async function verifyInFolder(
  deps: Verifying,
  input: VerifyInput,
  signal: AbortSignal,
  notes: string[],
  aside: SetAsidePaths = { unsaved: [], otherwise: [] },
): Promise<Verified> {
  const { cwd, head, isolation, commands } = input;
  const status = (): Promise<CheckoutStatus> =>
    isolation === 'worktree' ? readableWorktreeStatus(deps.git) : checkoutStatus(deps.git);
  const before = await status();
  if (before.head !== head) return verified([], notes, { tree: [headMoved(head, before.head)] });
  const touched = isolation === 'worktree' ? await touchedRepositories(cwd, before.untracked) : [];
  const ignoredBefore = await snapshotIgnored(deps.git, before);
  if (isolation === 'worktree') updateRecord(cwd, { verifying: { untracked: [...before.untracked] } });
  const trackedBefore = changedFileHashes(cwd, before);
  const branchesBefore = await readBranches(deps.git);
  const verifications: Verification[] = [];
  for (const command of commands) {
    const slow = verifications.find(({ problem }) => problem?.startsWith(TIMED_OUT));
    if (slow) {
      const problem = `${NOT_RUN}, because \`${slow.command}\` took too long`;
      verifications.push({ command, exitCode: null, durationMs: 0, outputTail: '', problem });
      continue;
    }
    const one = await runOne(deps, input, command, String(verifications.length + 1), signal);
    verifications.push(one.verification);
    notes.push(...one.notes);
  }

  const failed = verifications.filter(
    ({ exitCode, problem }) => exitCode !== 0 && !problem?.startsWith(NOT_RUN),
  );
  const each = Math.min(
    MAX_OUTPUT_TAIL_CHARS,
    Math.max(1_000, Math.floor(MAX_PROMPT_OUTPUT_CHARS / failed.length)),
  );

  const tree: string[] = [];
  if (isolation === 'worktree') {
    const replaced = await ensureOwnWorktree(deps.git);
    if (replaced.length > 0) tree.push(worktreeReplaced(replaced));
  }
  const moved = describeMovedBranches(branchesBefore, await readBranches(deps.git), before.branch);
  if (moved !== '')
    notes.push(`branches and tags of the repository changed while the verification ran: ${moved}`);
  let after = await status();
  if (after.head !== head || after.branch !== before.branch) {
    tree.push(headMovedByCommands(after));
  }
  const back = isolation === 'worktree' ? await restoreBranch(deps.git, head) : [];
  if (back.length > 0) {
    notes.push(...back);
    after = await status();
  }
  const changed = differingPaths(trackedBefore, changedFileHashes(cwd, after));
  if (changed.length > 0) {
    tree.push(trackedFilesChanged(quotedPaths(changed)));
  }
  const made = after.untracked.filter((path) => !before.untracked.includes(path));
  if (made.length > 0) {
    notes.push(`the verification left ${made.length} untracked files: ${quotedPaths(made)}`);
  }
  if (isolation === 'worktree') {
    await recordMadeFiles(cwd, made, { before, after, touched });
    const ignored = await snapshotIgnored(deps.git, after);
    const known = readWorkspaceRecord(cwd)?.ignored ?? {};
    const fresh = Object.entries(ignored).filter(([path]) => !Object.hasOwn(ignoredBefore, path));
    updateRecord(cwd, { verifying: undefined, ignored: { ...known, ...Object.fromEntries(fresh) } });
  }
  const withHint =
    failed.length > 0
      ? asideHints({ unsaved: quotedPaths(aside.unsaved), otherwise: quotedPaths(aside.otherwise) })
      : [];
  return verified(verifications, notes, {
    commands: [...failed.map((one) => commandProblem(one, took(one), each)), ...withHint],
    tree,
  });
}

/** Moves the branch back to the verified commit if the commands moved it. */
async function restoreBranch(git: Git, head: string): Promise<string[]> {
  const record = readWorkspaceRecord(git.cwd);
  return record === undefined ? [] : resetBranch(git, { branch: record.branch, head });
}

/** Updates the worktree's record, if it has one. */
function updateRecord(cwd: string, change: Partial<WorkspaceRecord>): void {
  const record = readWorkspaceRecord(cwd);
  if (record) writeWorkspaceRecord(cwd, { ...record, ...change });
}

/**
 * Cleans up after an interrupted verification: resets the tracked files that its commands changed, and records the
 * files they made as left by verification.
 */
async function afterInterruption(git: Git, head: string): Promise<string[]> {
  const record = readWorkspaceRecord(git.cwd);
  if (record?.verifying === undefined) return [];
  const { untracked } = record.verifying;
  const { changed, keptRef } = await resetTracked(git, {
    to: head,
    why: 'Files that an interrupted verification had changed',
  });
  const now = (await readableWorktreeStatus(git)).untracked;
  const made = now.filter((path) => !untracked.includes(path));
  const leftByVerification = {
    ...record.leftByVerification,
    ...(await describeArtifacts(git.cwd, made, now)),
  };
  updateRecord(git.cwd, { verifying: undefined, leftByVerification });
  if (changed.length === 0) return [];
  const where = keptRef === undefined ? '' : `; their changed contents are kept in ${keptRef}`;
  return [
    `files that an interrupted verification had changed were restored: ${quotedPaths(changed)}${where}`,
  ];
}

/** The paths that are put aside while the commands run. */
interface SetAsidePaths {
  /** Paths that are in no commit. */
  readonly unsaved: readonly string[];
  /** Files whose content differs from what a checkout would write. */
  readonly otherwise: readonly string[];
}

/** Puts aside what a checkout of `head` would not contain, except files that set-up or verification made. */
async function setUnsavedAside(git: Git, head: string): Promise<SetAsidePaths> {
  const record = readWorkspaceRecord(git.cwd);
  const status = await readableWorktreeStatus(git);
  const { changed, untracked } = status;
  const known = record === undefined ? [] : [record.leftBySetUp, record.leftByVerification];
  const readings = record?.snapshot?.readings;
  const from = {
    since: record?.written === undefined ? 0 : Date.parse(record.written),
    start: record?.start ?? record?.base ?? head,
  };
  const ignored = await compareIgnored(git, status, record?.ignored ?? {});
  const loose = [...untracked, ...(await specialFiles(git, ignored.all))];
  const [{ unchanged }, within, empty, otherwise] = await Promise.all([
    classifyUntracked(git.cwd, loose, known, true),
    findNestedWork(git),
    emptyFolders(git),
    withAttributesAsBefore(git, readings, (as) => differingFromCheckout(as, from)),
  ]);
  const made = known.flatMap((each) => Object.keys(each)).filter((path) => path.endsWith('/'));
  const paths = [
    ...changed.filter(({ dirtySubmodule }) => !dirtySubmodule).map(({ path }) => path),
    ...loose.filter((path) => !unchanged.has(path)).map((path) => path.replace(/\/$/, '')),
    ...within.flatMap(({ files }) => files),
    ...ignored.paths.map((path) => path.replace(/\/$/, '')),
    ...empty.filter((path) => !made.some((each) => path.startsWith(each))).map((path) => path.slice(0, -1)),
  ];
  const unsaved = paths
    .filter((path, index) => paths.indexOf(path) === index)
    .filter((path) => !paths.some((other) => path.startsWith(`${other}/`)));
  const aside = { unsaved, otherwise: otherwise.filter((path) => !unsaved.includes(path)) };
  const all = [...aside.unsaved, ...aside.otherwise];
  if (all.length === 0) return aside;
  setAside(git.cwd, all);
  const why = 'Files that changed while work was put aside';
  await withAttributesAsBefore(git, readings, (as) => resetTracked(as, { to: head, why }));
  for (const { submodule } of within) if (submodule !== undefined) await restoreSubmodule(git.in(submodule));
  return aside;
}

/** Restores files of a submodule from the commit that is checked out there. */
async function restoreSubmodule(git: Git): Promise<void> {
  const to = await headCommit(git);
  if (to !== undefined) await resetTracked(git, { to, why: 'Files of the submodule that changed meanwhile' });
}

function asideNotes({ unsaved, otherwise }: SetAsidePaths): string[] {
  const notes = [];
  if (unsaved.length > 0) notes.push(`verified without files that are in no commit: ${quotedPaths(unsaved)}`);
  if (otherwise.length > 0)
    notes.push(
      `verified with files as a checkout writes them, which differ in the worktree: ${quotedPaths(otherwise)}`,
    );
  return notes;
}

/** Runs one command. A failing command is a result, not an error. */
async function runOne(
  deps: Verifying,
  { subagent, cwd, head, env, unsigned }: VerifyInput,
  command: string,
  number: string,
  signal: AbortSignal,
): Promise<{ verification: Verification; notes: string[] }> {
  const { home, gate, timeoutMs = VERIFY_TIMEOUT_MS, maxOutputBytes = MAX_OUTPUT_FILE_BYTES } = deps;
  const outputFile = join(
    home.paths.outputs,
    runFolder(subagent),
    `verify-${head.slice(0, 10)}-${number}.log`,
  );
  const environment = await commandEnvironment(home, { env, unsigned });
  const { result, notes: waited } = await gate.run(`\`${command.slice(0, 100)}\``, signal, (ending) =>
    runCommand({
      command,
      cwd,
      timeoutMs,
      signal: ending,
      outputFile,
      maxOutputBytes,
      copilotSessionId: subagent.copilotSessionId,
      sandboxed: deps.sandboxed,
      env: environment,
      redactor: deps.redactor ?? new Redactor(secretsIn(process.env)),
    }),
  );
  const { record, notes } = commandRecord(command, result, { timeoutMs, outputFile });
  return { verification: record, notes: [...waited, ...notes] };
}

const took = ({ durationMs }: Verification): string => secondsText(durationMs);

const NOT_RUN = 'not run';

type Verified = Extract<VerifyResult, { kind: 'verified' }>;

/**
 * Builds the result. `commands` are problems with commands; `tree` are problems with HEAD and the tracked files
 * afterwards.
 */
function verified(
  verifications: Verification[],
  notes: string[],
  { commands = [], tree }: { commands?: readonly string[]; tree: readonly string[] },
): Verified {
  const problems = [...commands, ...tree];
  return {
    kind: 'verified',
    verifications,
    notes,
    ...(problems.length > 0 && { problem: failedVerificationPrompt(problems) }),
    ...(tree.length > 0 && { reason: tree.join(' ') }),
  };
}

/** Returns untracked repositories that the subagent made or changed. Our commits cannot contain their contents. */
async function touchedRepositories(cwd: string, untracked: readonly string[]): Promise<readonly string[]> {
  const record = readWorkspaceRecord(cwd);
  const repositories = untracked.filter((path) => path.endsWith('/'));
  if (!record || repositories.length === 0) return [];
  const { unchanged } = await classifyUntracked(
    cwd,
    repositories,
    [record.leftBySetUp, record.leftByVerification],
    false,
  );
  return repositories.filter((path) => !unchanged.has(path));
}

/**
 * Records the files that the commands made, so that the next collection does not commit them. Paths that existed
 * before are not added: a subagent's own repository, for example, may exist only there. Files that set-up or an
 * earlier verification had left are described anew, as the commands leave them: if the subagent had changed them,
 * they would have been committed.
 */
async function recordMadeFiles(
  cwd: string,
  made: readonly string[],
  { before, after, touched }: Record<'before' | 'after', CheckoutStatus> & { touched: readonly string[] },
): Promise<void> {
  const record = readWorkspaceRecord(cwd);
  if (!record) return;
  const renewed = async (known: KnownArtifacts): Promise<KnownArtifacts> => {
    const there = Object.keys(known).filter(
      (path) =>
        known[path] !== null &&
        !touched.includes(path) &&
        before.untracked.some((each) => each === path || (path.endsWith('/') && each.startsWith(path))),
    );
    return { ...known, ...(await describeArtifacts(cwd, there, after.untracked)) };
  };
  const leftBySetUp = await renewed(record.leftBySetUp);
  const known = await renewed(record.leftByVerification);
  const room = Math.max(0, MAX_KEPT_PATHS - Object.keys(known).length);
  const fresh = made.filter((path) => !Object.hasOwn(known, path)).slice(0, room);
  const again = made.filter((path) => Object.hasOwn(known, path));
  const leftByVerification = {
    ...known,
    ...(await describeArtifacts(cwd, [...again, ...fresh], after.untracked)),
  };
  writeWorkspaceRecord(cwd, { ...record, leftBySetUp, leftByVerification });
}
