/** `setUpWorkspace`: runs the set-up commands in a new worktree, before the first turn. */
import { join } from 'node:path';
import { cancellationSignal, heartbeat } from '@temporalio/activity';
import {
  HEARTBEAT_INTERVAL_MS,
  NO_USAGE,
  oneLine,
  stripControls,
  SETUP_TIMEOUT_MS,
  tail,
  type ActivityProgress,
  type SetUpInput,
  type SetUpResult,
  type Verification,
  type WorkerActivities,
} from '../../src/contract/index.ts';
import { emptyFolders } from '../../src/git/commits/as-checked-out.ts';
import { describeArtifacts, type KnownArtifacts } from '../../src/git/contents/artifacts.ts';
import { readableWorktreeStatus } from '../../src/git/commits/own-index.ts';
import { resetTracked } from '../../src/git/commits/reset-tracked.ts';
import { specialFiles } from '../../src/git/contents/special-files.ts';
import { readSparse } from '../../src/git/worktrees/sparse.ts';
import { headCommit } from '../../src/git/repository.ts';
import { untrackedFolders } from '../../src/git/contents/status.ts';
import { gitOfRun } from '../../src/home/git-of-run.ts';
import { EndedRuns } from '../../src/home/ended-runs.ts';
import { secretsIn } from '../../src/environment/clean.ts';
import { Redactor } from '../../src/environment/redact.ts';
import {
  readWorkspaceRecord,
  runFolder,
  writeWorkspaceRecord,
  type WorkspaceRecord,
} from '../../src/home/workspace-record.ts';
import {
  commandRecord,
  MAX_OUTPUT_FILE_BYTES,
  quotedPaths,
  secondsText,
} from '../verification/command-record.ts';
import { commandEnvironment } from '../verification/command-environment.ts';
import { runCommand } from '../verification/command.ts';
import { failureReason } from '../failure-reason.ts';
import { snapshotIgnored } from '../evidence/ignored.ts';
import { withFailureCodes } from '../failures.ts';
import { NO_SPACE_RULES, SpaceGate, type SpaceRules } from '../slot/space-gate.ts';
import { ensureOwnWorktree } from './workspace-common.ts';
import { removeLocksOfKilledGit } from '../ending/killed-git.ts';
import type { Git } from '../../src/git/git.ts';

/** Maximum number of untracked paths recorded one by one; with more, only their folders are recorded. */
const MAX_KEPT_PATHS = 1_000;

/** What `setUpWorkspace` needs of its worker. */
export interface SetUpDependencies {
  readonly home: { readonly root: string; readonly paths: { readonly outputs: string } };
  /** Ends processes that an interrupted attempt left running. */
  readonly sweep: (copilotSessionId: string) => Promise<unknown>;
  /** Commands wait until this much space is free; default: they never wait. */
  readonly space?: SpaceRules;
  /** Time limit of one command, in milliseconds; default 30 minutes. */
  readonly timeoutMs?: number;
  /** Removes secrets from the commands' output; default: the secrets of this process. */
  readonly redactor?: Redactor;
  /** Ended runs, for which no further command is started; default: none. */
  readonly ended?: EndedRuns;
}

/**
 * Creates the `setUpWorkspace` activity. The commands run in order until one does not exit with 0. An interrupted
 * attempt starts again with the first command; a completed one, whatever its result, is never repeated.
 */
export function createSetUpActivities(deps: SetUpDependencies): Pick<WorkerActivities, 'setUpWorkspace'> {
  const { ended = new EndedRuns() } = deps;
  return {
    setUpWorkspace: (input) =>
      withFailureCodes(async () => {
        const signal = AbortSignal.any([cancellationSignal(), ended.signal(input.subagent)]);
        const place = { cwd: input.cwd, isolation: 'worktree' as const, runId: input.subagent.runId };
        return setUp(deps, input, await gitOfRun(place), signal);
      }),
  };
}

async function setUp(
  deps: SetUpDependencies,
  input: SetUpInput,
  git: Git,
  signal: AbortSignal,
): Promise<SetUpResult> {
  const { subagent, cwd, commands } = input;
  const record = readWorkspaceRecord(cwd);
  if (!record) throw new Error(`${cwd} has no record`);
  if (record.setUp?.state === 'over') return resultOf(record.setUp);
  if (record.setUp) {
    await deps.sweep(subagent.copilotSessionId);
    await ensureOwnWorktree(git);
    await removeLocksOfKilledGit({ cwd, subagent, isolation: 'worktree' });
  }
  const notes = await resetTrackedWithNote(git, 'Files that were changed before set-up');
  const begun: WorkspaceRecord = { ...(readWorkspaceRecord(cwd) ?? record), setUp: { state: 'running' } };
  writeWorkspaceRecord(cwd, begun);

  const head = await headCommit(git);
  const results: Verification[] = [];
  for (const command of commands) {
    const one = await runOne(deps, input, { command, number: results.length + 1 }, signal);
    results.push(one.record);
    notes.push(...one.notes);
    if (one.record.exitCode !== 0) break;
  }
  notes.push(...(await ensureOwnWorktree(git)));
  const after = await resetSetUpChanges(git, { keep: false });
  const problem =
    problemOf(results.at(-1)) ??
    (after.head === head && after.branch === record.branch
      ? undefined
      : 'the set-up commands moved HEAD: they must neither commit nor check out');
  const over = {
    state: 'over' as const,
    results,
    notes: [...notes, ...after.notes],
    ...(problem !== undefined && { problem }),
  };
  const ignored = await snapshotIgnored(git, after);
  const known = readWorkspaceRecord(cwd) ?? begun;
  const unknownToGit = [...(await emptyFolders(git)), ...(await specialFiles(git, Object.keys(ignored)))];
  const leftBySetUp = { ...after.left, ...(await describeArtifacts(cwd, unknownToGit, [])) };
  const sparse = await readSparse(git);
  writeWorkspaceRecord(cwd, { ...known, setUp: over, leftBySetUp, ignored, sparse });
  return resultOf(over);
}

/** Changes that set-up made to files that are not ignored, before any turn: none of them is the subagent's work. */
export interface SetUpChanges {
  readonly head: string | undefined;
  readonly branch: string | undefined;
  /** Ignored paths, as a status lists them. */
  readonly ignored: readonly string[];
  /** Untracked files: they stay in the folder and are not committed. */
  readonly left: KnownArtifacts;
  readonly notes: string[];
}

/** Resets tracked files; returns a note on where the changed versions are kept. @throws SubagentsError GIT */
async function resetTrackedWithNote(git: Git, why: string): Promise<string[]> {
  const { head, changed } = await readableWorktreeStatus(git);
  if (head === undefined || !changed.some(({ dirtySubmodule }) => !dirtySubmodule)) return [];
  const { changed: altered, keptRef } = await resetTracked(git, { to: head, why });
  if (keptRef === undefined) return [];
  return [
    `files had been changed before set-up; they were restored, and the changed ones are kept in ${keptRef}: ${quotedPaths(altered)}`,
  ];
}

/**
 * Resets tracked files, and describes the untracked ones.
 * @param keep whether the changed versions may be somebody's work, and are kept in a commit.
 * @throws SubagentsError GIT
 */
export async function resetSetUpChanges(
  git: Git,
  { keep }: { readonly keep: boolean },
): Promise<SetUpChanges> {
  const { head, branch, changed, untracked, ...found } = await readableWorktreeStatus(git);
  let { ignored } = found;
  const notes: string[] = [];
  if (changed.some(({ dirtySubmodule }) => !dirtySubmodule) && head !== undefined) {
    const why = 'Files that set-up had changed';
    const { changed: altered, keptRef } = await resetTracked(git, { to: head, why, keep });
    // The reset files may include `.gitignore`, so read the ignored paths again.
    ({ ignored } = await readableWorktreeStatus(git));
    const where = keptRef === undefined ? '' : ` (the changed ones are kept in ${keptRef})`;
    notes.push(`set-up changed tracked files; they were restored: ${quotedPaths(altered)}${where}`);
  }
  if (untracked.length > 0) {
    notes.push(`set-up left ${untracked.length} untracked files: ${quotedPaths(untracked)}`);
  }
  const paths = untracked.length <= MAX_KEPT_PATHS ? untracked : await untrackedFolders(git);
  return { head, branch, ignored, left: await describeArtifacts(git.cwd, paths, untracked), notes };
}

async function runOne(
  {
    home,
    space = NO_SPACE_RULES,
    timeoutMs = SETUP_TIMEOUT_MS,
    redactor = new Redactor(secretsIn(process.env)),
  }: SetUpDependencies,
  { subagent, cwd, commands, env, unsigned }: SetUpInput,
  { command, number }: { command: string; number: number },
  signal: AbortSignal,
): Promise<ReturnType<typeof commandRecord>> {
  const outputFile = join(home.paths.outputs, runFolder(subagent), `set-up-${number}.log`);
  const since = new Date().toISOString();
  let lastEventAt = since;
  let end = '';
  const which = commands.length === 1 ? 'set-up' : `set-up ${number} of ${commands.length}`;
  const gate = new SpaceGate([home.root, cwd], space);
  const beat = setInterval(() => {
    const lastLine = oneLine(redactor.text(stripControls(end)).trimEnd().split('\n').at(-1) ?? '', 200);
    const progress: ActivityProgress = {
      doing:
        gate.waitReason !== undefined
          ? `waits for space: ${gate.waitReason}`
          : `${which}: ${oneLine(command, 100)}${lastLine === '' ? '' : ` (${lastLine})`}`,
      since,
      lastEventAt,
      usage: NO_USAGE,
      ...(lastLine !== '' && { lastMessage: lastLine }),
    };
    heartbeat(progress);
  }, HEARTBEAT_INTERVAL_MS);
  try {
    const environment = await commandEnvironment(home, { env, unsigned });
    const { result, notes } = await gate.run(`set-up \`${oneLine(command, 100)}\``, signal, (ending) =>
      runCommand({
        command,
        cwd,
        timeoutMs,
        signal: ending,
        outputFile,
        maxOutputBytes: MAX_OUTPUT_FILE_BYTES,
        copilotSessionId: subagent.copilotSessionId,
        sandboxed: readWorkspaceRecord(cwd)?.sandbox !== undefined,
        env: environment,
        redactor,
        onOutput: (piece) => {
          lastEventAt = new Date().toISOString();
          end = tail(end + piece.toString('utf8'), 10_000);
        },
      }),
    );
    const { record, notes: said } = commandRecord(command, result, { timeoutMs, outputFile });
    return { record, notes: [...notes, ...said] };
  } finally {
    clearInterval(beat);
  }
}

function problemOf(last: Verification | undefined): string | undefined {
  if (last === undefined || last.exitCode === 0) return undefined;
  const { command, exitCode, problem, durationMs, outputTail } = last;
  const how = problem ?? `exited with ${exitCode}`;
  const reason = oneLine(failureReason(outputTail), 300);
  return `set-up \`${command}\` ${how} after ${secondsText(durationMs)}${reason === '' ? '' : `: ${reason}`}`;
}

function resultOf(over: Extract<WorkspaceRecord['setUp'], { state: 'over' }>): SetUpResult {
  const { results, problem, notes } = over;
  return { kind: 'set-up', results, notes, ...(problem !== undefined && { problem }) };
}
