/** `verifyCommit`: runs the verification commands on the commit that the outcome will name, and says what is wrong. */
import { join } from 'node:path';
import { cancellationSignal, heartbeat } from '@temporalio/activity';
import {
  HEARTBEAT_INTERVAL_MS,
  MAX_OUTPUT_TAIL_CHARS,
  tail,
  VERIFY_TIMEOUT_MS,
  type Verification,
  type VerifyInput,
  type VerifyResult,
  type WorkerActivities,
} from '../src/contract/index.ts';
import { leftAt, sortOut, type Left } from '../src/git/left.ts';
import { git } from '../src/git/run.ts';
import { checkoutStatus, difference, fingerprint, type CheckoutStatus } from '../src/git/status.ts';
import { EndedRuns } from '../src/home/ended-runs.ts';
import { secretsIn } from '../src/home/environment.ts';
import { guarded } from '../src/home/guarded.ts';
import { Redactor } from '../src/home/redact.ts';
import { readWorkspaceRecord, runFolder, writeWorkspaceRecord } from '../src/home/workspace-record.ts';
import { commandRecord, MAX_OUTPUT_FILE_BYTES, named, seconds, TIMED_OUT } from './command-record.ts';
import { commandEnvironment } from './command-environment.ts';
import { runCommand } from './command.ts';
import { reportingFailures } from './failures.ts';
import { WorkClock } from '../src/system/work-clock.ts';

/** Paths kept of what verification left. */
const MAX_KEPT_PATHS = 1_000;
/** Output that goes back to the subagent, shared among the commands that failed. */
const MAX_PROMPT_OUTPUT_CHARS = 12_000;

export interface VerifyDependencies {
  readonly home: { readonly root: string; readonly paths: { readonly outputs: string } };
  /** How long one command may run, in milliseconds; default 30 minutes. */
  readonly timeoutMs?: number;
  /** Default 50 MiB. */
  readonly maxOutputBytes?: number;
  /** Takes secrets out of what the commands print; default: those of this process. */
  readonly redactor?: Redactor;
  /** Runs of which no command begins any more; default: none yet. */
  readonly ended?: EndedRuns;
}

/**
 * Every command runs, also after one that failed: the subagent then mends all of it in one turn. Only after one that
 * was ended for its time do the rest stay unrun, since each may cost as much again; they are listed as not run.
 */
export function createVerifyActivities(on: VerifyDependencies): Pick<WorkerActivities, 'verifyCommit'> {
  const { ended = new EndedRuns() } = on;
  return {
    verifyCommit: (input) =>
      reportingFailures(async () => {
        const signal = AbortSignal.any([cancellationSignal(), ended.signal(input.subagent)]);
        const clock = new WorkClock();
        const beat = setInterval(() => heartbeat({ workedMs: clock.workedMs }), HEARTBEAT_INTERVAL_MS);
        try {
          const place = { ...input, runId: input.subagent.runId };
          const result = await guarded(place, () => verify(on, input, signal));
          return result.kind === 'lost' ? result : { ...result, workedMs: clock.workedMs };
        } finally {
          clearInterval(beat);
        }
      }),
  };
}

async function verify(
  on: VerifyDependencies,
  input: VerifyInput,
  signal: AbortSignal,
): Promise<VerifyResult> {
  const { cwd, head, isolation, commands } = input;
  const notes: string[] = [];
  let before = await checkoutStatus(cwd);
  if (before.head !== head) {
    return verified([], notes, {
      tree: [`HEAD is at ${before.head ?? 'no commit'}, and not at ${head}, which was to be verified.`],
    });
  }
  if (isolation === 'worktree' && before.changed.some(({ dirtySubmodule }) => !dirtySubmodule)) {
    // Collecting leaves nothing changed: this was an attempt to verify that was cut short.
    await git(['reset', '--hard', '--quiet'], { cwd });
    notes.push('files that an interrupted verification had changed were put back');
    before = await checkoutStatus(cwd);
  }
  const touched = isolation === 'worktree' ? await touchedRepositories(cwd, before.untracked) : [];
  const trackedBefore = fingerprint(cwd, before);
  const verifications: Verification[] = [];
  for (const command of commands) {
    const slow = verifications.find(({ problem }) => problem?.startsWith(TIMED_OUT));
    if (slow) {
      const problem = `${NOT_RUN}, because \`${slow.command}\` took too long`;
      verifications.push({ command, exitCode: null, durationMs: 0, outputTail: '', problem });
      continue;
    }
    const one = await runOne(on, input, command, verifications.length + 1, signal);
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
  const after = await checkoutStatus(cwd);
  if (after.head !== head || after.branch !== before.branch) {
    const now = `${after.branch ?? 'no branch'} at ${after.head ?? 'no commit'}`;
    tree.push(`The commands moved HEAD: it is ${now} now. Verification must not commit or check out.`);
  }
  const changed = difference(trackedBefore, fingerprint(cwd, after));
  if (changed.length > 0) {
    tree.push(
      `The commands changed files that are tracked: ${named(changed)}. ` +
        'Commit them as the commands leave them, or make the commands leave them alone.',
    );
  }
  const made = after.untracked.filter((path) => !before.untracked.includes(path));
  if (made.length > 0) {
    notes.push(`the verification left ${made.length} untracked files: ${named(made)}`);
  }
  if (isolation === 'worktree') await remember(cwd, made, { before, after, touched });
  return verified(verifications, notes, { commands: failed.map((one) => commandProblem(one, each)), tree });
}

/** Runs one command; never fails because the command did. */
async function runOne(
  on: VerifyDependencies,
  { subagent, cwd, head, env, unsigned }: VerifyInput,
  command: string,
  number: number,
  signal: AbortSignal,
): Promise<{ verification: Verification; notes: string[] }> {
  const { home, timeoutMs = VERIFY_TIMEOUT_MS, maxOutputBytes = MAX_OUTPUT_FILE_BYTES } = on;
  const outputFile = join(
    home.paths.outputs,
    runFolder(subagent),
    `verify-${head.slice(0, 10)}-${number}.log`,
  );
  const result = await runCommand({
    ...{ command, cwd, timeoutMs, signal, outputFile, maxOutputBytes },
    copilotSessionId: subagent.copilotSessionId,
    env: await commandEnvironment(home, { env, unsigned }),
    redactor: on.redactor ?? new Redactor(secretsIn(process.env)),
  });
  const { record, notes } = commandRecord(command, result, { timeoutMs, outputFile });
  return { verification: record, notes };
}

const NOT_RUN = 'not run';

/** @param found what is wrong: with commands, and with what they left of the commit */
function verified(
  verifications: Verification[],
  notes: string[],
  { commands = [], tree }: { commands?: readonly string[]; tree: readonly string[] },
): VerifyResult {
  const problems = [...commands, ...tree];
  return {
    kind: 'verified',
    verifications,
    notes,
    ...(problems.length > 0 && { problem: prompt(problems) }),
    ...(tree.length > 0 && { reason: tree.join(' ') }),
  };
}

/** What goes back to the subagent as its next turn. */
function prompt(problems: readonly string[]): string {
  return [
    'Your work was verified, and it did not pass.',
    ...problems,
    'Fix the cause, and commit the fix. Do not weaken, skip or remove the check: it is not yours to change, and changes ' +
      'to it are shown to the reviewer. When you are done, the same commands run again on your commit.',
  ].join('\n\n');
}

function commandProblem(
  { command, exitCode, durationMs, outputTail, problem }: Verification,
  max: number,
): string {
  const how = `${exitCode === null ? 'did not pass' : `exited with code ${exitCode}`} after ${seconds(durationMs)}`;
  const why = problem === undefined ? '' : ` (${problem})`;
  const output = tail(outputTail, max);
  const end = output === '' ? 'It printed nothing.' : `The end of its output:\n\n${indented(output)}`;
  return `The command \`${command}\` ${how}${why}. ${end}`;
}

/** As an indented block: no line of the output can end it. */
function indented(text: string): string {
  return text.replace(/^/gm, '    ');
}

/** Repositories of the subagent's own making, or that it has worked in: no commit of ours can hold what is in them. */
async function touchedRepositories(cwd: string, untracked: readonly string[]): Promise<readonly string[]> {
  const record = readWorkspaceRecord(cwd);
  const repositories = untracked.filter((path) => path.endsWith('/'));
  if (!record || repositories.length === 0) return [];
  const { asLeft } = await sortOut(cwd, repositories, [record.leftBySetUp, record.leftByVerification], false);
  return repositories.filter((path) => !asLeft.has(path));
}

/**
 * So that the next collection does not take them for the subagent's. Only what the commands made: of what lay there before, such
 * as a repository of the subagent's own, this may be the only copy. What they, or set-up, had left before is as they leave it
 * now: had the subagent changed it, it would have been committed.
 */
async function remember(
  cwd: string,
  made: readonly string[],
  { before, after, touched }: Record<'before' | 'after', CheckoutStatus> & { touched: readonly string[] },
): Promise<void> {
  const record = readWorkspaceRecord(cwd);
  if (!record) return;
  const renewed = async (known: Left): Promise<Left> => {
    const there = Object.keys(known).filter(
      (path) =>
        known[path] !== null &&
        !touched.includes(path) &&
        before.untracked.some((each) => each === path || (path.endsWith('/') && each.startsWith(path))),
    );
    return { ...known, ...(await leftAt(cwd, there, after.untracked)) };
  };
  const leftBySetUp = await renewed(record.leftBySetUp);
  const known = await renewed(record.leftByVerification);
  const room = Math.max(0, MAX_KEPT_PATHS - Object.keys(known).length);
  const fresh = made.filter((path) => !Object.hasOwn(known, path)).slice(0, room);
  const again = made.filter((path) => Object.hasOwn(known, path));
  const leftByVerification = {
    ...known,
    ...(await leftAt(cwd, [...again, ...fresh], after.untracked)),
  };
  writeWorkspaceRecord(cwd, { ...record, leftBySetUp, leftByVerification });
}
