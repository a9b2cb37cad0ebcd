/** `setUpWorkspace`: runs the set-up commands in a new worktree, before anybody works there. */
import { join } from 'node:path';
import { cancellationSignal, heartbeat } from '@temporalio/activity';
import {
  HEARTBEAT_INTERVAL_MS,
  NO_USAGE,
  oneLine,
  plain,
  SETUP_TIMEOUT_MS,
  tail,
  type Progress,
  type SetUpInput,
  type SetUpResult,
  type Verification,
  type WorkerActivities,
} from '../src/contract/index.ts';
import { leftAt, type Left } from '../src/git/left.ts';
import { git } from '../src/git/run.ts';
import { checkoutStatus, untrackedFolders } from '../src/git/status.ts';
import { EndedRuns } from '../src/home/ended-runs.ts';
import { secretsIn } from '../src/home/environment.ts';
import { Redactor } from '../src/home/redact.ts';
import {
  readWorkspaceRecord,
  runFolder,
  writeWorkspaceRecord,
  type WorkspaceRecord,
} from '../src/home/workspace-record.ts';
import { commandRecord, MAX_OUTPUT_FILE_BYTES, named, seconds } from './command-record.ts';
import { commandEnvironment } from './command-environment.ts';
import { runCommand } from './command.ts';
import { reportingFailures } from './failures.ts';

/** Untracked paths kept one by one; of more, only the folders they lie in. */
const MAX_KEPT_PATHS = 1_000;

export interface SetUpDependencies {
  readonly home: { readonly root: string; readonly paths: { readonly outputs: string } };
  /** Ends what an attempt that was cut short left running. */
  readonly sweep: (copilotSessionId: string) => Promise<unknown>;
  /** How long one command may run, in milliseconds; default 30 minutes. */
  readonly timeoutMs?: number;
  /** Takes secrets out of what the commands print; default: those of this process. */
  readonly redactor?: Redactor;
  /** Runs of which no command begins any more; default: none yet. */
  readonly ended?: EndedRuns;
}

/**
 * The commands run one after the other, up to the first that does not exit 0. An attempt that was cut short is begun
 * again from the first command; one that came to its end, with whatever result, is never repeated.
 */
export function createSetUpActivities(on: SetUpDependencies): Pick<WorkerActivities, 'setUpWorkspace'> {
  const { ended = new EndedRuns() } = on;
  return {
    setUpWorkspace: (input) =>
      reportingFailures(() =>
        setUp(on, input, AbortSignal.any([cancellationSignal(), ended.signal(input.subagent)])),
      ),
  };
}

async function setUp(on: SetUpDependencies, input: SetUpInput, signal: AbortSignal): Promise<SetUpResult> {
  const { subagent, cwd, commands } = input;
  const record = readWorkspaceRecord(cwd);
  if (!record) throw new Error(`${cwd} has no record`);
  if (record.setUp?.state === 'over') return resultOf(record.setUp);
  if (record.setUp) {
    await on.sweep(subagent.copilotSessionId);
    await git(['reset', '--hard', '--quiet'], { cwd });
  }
  const begun: WorkspaceRecord = { ...record, setUp: { state: 'running' } };
  writeWorkspaceRecord(cwd, begun);

  const { head } = await checkoutStatus(cwd);
  const results: Verification[] = [];
  const notes: string[] = [];
  for (const command of commands) {
    const one = await runOne(on, input, { command, number: results.length + 1 }, signal);
    results.push(one.record);
    notes.push(...one.notes);
    if (one.record.exitCode !== 0) break;
  }
  const after = await putAside(cwd);
  const problem =
    problemOf(results.at(-1)) ??
    (after.head === head && after.branch === record.branch
      ? undefined
      : 'set-up moved HEAD: its commands must neither commit nor check out');
  const over = {
    state: 'over' as const,
    results,
    notes: [...notes, ...after.notes],
    ...(problem !== undefined && { problem }),
  };
  writeWorkspaceRecord(cwd, { ...begun, setUp: over, leftBySetUp: after.left });
  return resultOf(over);
}

/** What set-up did to files that are not ignored, in a worktree in which nobody has worked yet: none of it is the subagent's. */
export interface PutAside {
  readonly head: string | undefined;
  readonly branch: string | undefined;
  /** Untracked files: they stay, and are not committed. */
  readonly left: Left;
  readonly notes: string[];
}

/** Puts tracked files back as they were, and names the untracked ones. @throws SubagentsError GIT */
export async function putAside(cwd: string): Promise<PutAside> {
  const { head, branch, changed, untracked } = await checkoutStatus(cwd);
  const notes: string[] = [];
  const altered = changed.filter(({ dirtySubmodule }) => !dirtySubmodule).map(({ path }) => path);
  if (altered.length > 0) {
    await git(['reset', '--hard', '--quiet'], { cwd });
    notes.push(`set-up changed files that are tracked; they were put back: ${named(altered)}`);
  }
  if (untracked.length > 0) {
    notes.push(`set-up left ${untracked.length} untracked files: ${named(untracked)}`);
  }
  const paths = untracked.length <= MAX_KEPT_PATHS ? untracked : await untrackedFolders(cwd);
  return { head, branch, left: await leftAt(cwd, paths, untracked), notes };
}

async function runOne(
  { home, timeoutMs = SETUP_TIMEOUT_MS, redactor = new Redactor(secretsIn(process.env)) }: SetUpDependencies,
  { subagent, cwd, commands, env, unsigned }: SetUpInput,
  { command, number }: { command: string; number: number },
  signal: AbortSignal,
): Promise<ReturnType<typeof commandRecord>> {
  const outputFile = join(home.paths.outputs, runFolder(subagent), `set-up-${number}.log`);
  const since = new Date().toISOString();
  let lastEventAt = since;
  let end = '';
  const which = commands.length === 1 ? 'set-up' : `set-up ${number} of ${commands.length}`;
  const beat = setInterval(() => {
    const lastLine = oneLine(redactor.text(plain(end)).trimEnd().split('\n').at(-1) ?? '', 200);
    const progress: Progress = {
      doing: `${which}: ${oneLine(command, 100)}${lastLine === '' ? '' : ` (${lastLine})`}`,
      ...{ since, lastEventAt, usage: NO_USAGE },
      ...(lastLine !== '' && { lastMessage: lastLine }),
    };
    heartbeat(progress);
  }, HEARTBEAT_INTERVAL_MS);
  try {
    const result = await runCommand({
      ...{ command, cwd, timeoutMs, signal, outputFile, maxOutputBytes: MAX_OUTPUT_FILE_BYTES },
      copilotSessionId: subagent.copilotSessionId,
      env: await commandEnvironment(home, { env, unsigned }),
      redactor,
      onOutput: (piece) => {
        lastEventAt = new Date().toISOString();
        end = tail(end + piece.toString('utf8'), 10_000);
      },
    });
    return commandRecord(command, result, { timeoutMs, outputFile });
  } finally {
    clearInterval(beat);
  }
}

function problemOf(last: Verification | undefined): string | undefined {
  if (last === undefined || last.exitCode === 0) return undefined;
  const { command, exitCode, problem, durationMs, outputTail } = last;
  const how = problem ?? `exited with ${exitCode}`;
  const lastLine = oneLine(outputTail.split('\n').at(-1) ?? '', 200);
  return `set-up \`${command}\` ${how} after ${seconds(durationMs)}${lastLine === '' ? '' : `: ${lastLine}`}`;
}

function resultOf(over: Extract<WorkspaceRecord['setUp'], { state: 'over' }>): SetUpResult {
  const { results, problem, notes } = over;
  return { kind: 'set-up', results, notes, ...(problem !== undefined && { problem }) };
}
