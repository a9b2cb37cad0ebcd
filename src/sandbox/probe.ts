/** Whether this machine can sandbox a subagent: tried, not concluded from what is installed. */
import { statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SubagentsError } from '../contract/errors.ts';
import { oneLine } from '../contract/text/text.ts';
import { runProgram } from '../system/spawner.ts';
import { OWN_PID_MAX, processLimit, type ProcessLimit } from './bounds/process-limit.ts';
import { RunningCommands, takenBy } from './bounds/running.ts';
import { behindWalls, WALLS_MARK, type Walls } from './walls.ts';

/** The oldest version of bubblewrap that can forbid user namespaces inside. */
const MINIMUM_BWRAP_VERSION = '0.8';

const TRY_TIMEOUT_MS = 10_000;
/** Milliseconds between two looks at a program that was just started. */
const LOOK_MS = 5;

/** Why a machine cannot sandbox, and what to do about it. */
export interface SandboxProblem {
  readonly problem: string;
  readonly remedy: string;
}

/** Runs a program behind walls and within bounds, and returns why that failed; undefined when it did not. */
export async function sandboxProblem(
  env: NodeJS.ProcessEnv = process.env,
): Promise<SandboxProblem | undefined> {
  if (process.platform !== 'linux')
    return { problem: 'a sandbox needs Linux', remedy: 'spawn without a sandbox, or on a Linux worker' };
  const folder = await mkdtemp(join(tmpdir(), 'subagents-walls-'));
  try {
    const walls = wallsFor(folder);
    // Says what it is limited to, and waits until it was seen from outside.
    const script = `[ -d ${WALLS_MARK} ] || exit 1; ulimit -d; n=0; until [ -e /tmp/seen ] || [ $n -ge 200 ]; do n=$((n+1)); sleep 0.02; done`;
    const program = behindWalls(walls, { file: 'sh', args: ['-c', script], cwd: '/' });
    let over = false;
    const ended = runProgram(
      { ...program, cwd: '/', env, input: '', detached: false },
      AbortSignal.timeout(TRY_TIMEOUT_MS),
    ).finally(() => (over = true));
    const [{ exitCode, stdout, stderr }, isSeen] = await Promise.all([
      ended,
      seen(walls.bounds.running, () => over).finally(() => writeFile(join(folder, 'seen'), '')),
    ]);
    if (exitCode !== 0) return refused(stderr.trim() || `exit code ${exitCode}`);
    const limited = Number.isFinite(Number(stdout));
    if (isSeen && limited) return undefined;
    return {
      problem: `what runs in a sandbox cannot be bounded here: ${isSeen ? 'limits of the system do not hold' : 'its processes are not seen in /proc'}`,
      remedy: 'mount /proc so that the worker sees its own processes there, or take another machine',
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    return {
      problem: 'setpriv is not installed',
      remedy: 'install the package util-linux (apt-get install util-linux)',
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Walls to try, with everything in `folder`. */
const wallsFor = (folder: string): Walls => ({
  ...{ writable: [], readable: [], temporary: folder, home: folder },
  bounds: { ...TRY_BOUNDS, running: folder, sandbox: folder, folders: [folder] },
});
const TRY_BOUNDS = { memory: 1e9, processes: 100, disk: 1e9 };

/** Whether a program with an entry in `running` is seen, from when it is there until it is over. */
async function seen(running: string, over: () => boolean): Promise<boolean> {
  const commands = new RunningCommands(running);
  while (!over()) {
    if (commands.list().some((each) => takenBy(each).memory > 0)) return true;
    await delay(LOOK_MS);
  }
  return false;
}

/** How memory and processes of sandboxes are bounded on this machine, for people. */
export const boundedBy = (): string => BOUNDED_BY[processLimit()];
const BOUNDED_BY: Readonly<Record<ProcessLimit, string>> = {
  group: 'control groups and a watch',
  limit: 'limits of the system and a watch',
  namespace: 'limits of the system, pid_max and a watch',
  none: 'a watch alone, which a fork bomb outruns',
};

/** Why the number of processes in a sandbox is not bounded by the kernel on this machine; undefined where it is. */
export function boundsProblem(): SandboxProblem | undefined {
  if (processLimit() !== 'none') return undefined;
  return {
    problem: `nothing of the kernel bounds the processes of a sandbox here: root has no such limit before Linux ${OWN_PID_MAX.join('.')}`,
    remedy:
      'start the worker as an ordinary user, or in a unit to which control groups are delegated (docs/sandbox.md)',
  };
}

function refused(said: string): SandboxProblem {
  if (/bwrap: (command )?not found/i.test(said))
    return {
      problem: 'bwrap is not installed',
      remedy: 'install the package bubblewrap (apt-get install bubblewrap)',
    };
  const problem = `bwrap cannot make a sandbox: ${oneLine(said, 200)}`;
  if (/unknown option/i.test(said))
    return { problem, remedy: `install bubblewrap ${MINIMUM_BWRAP_VERSION} or newer` };
  return {
    problem,
    remedy:
      'allow user namespaces to this account (sysctl user.max_user_namespaces; on Ubuntu 24.04 also kernel.apparmor_restrict_unprivileged_userns); in a container, allow it to make them',
  };
}

/** Returns why a sandbox cannot have a network on this machine; undefined when it can. */
export async function networkProblem(
  env: NodeJS.ProcessEnv = process.env,
): Promise<SandboxProblem | undefined> {
  try {
    await runProgram(
      { file: 'socat', args: ['-V'], cwd: '/', env, input: '', detached: false },
      AbortSignal.timeout(TRY_TIMEOUT_MS),
    );
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    return {
      problem: 'socat is not installed, by which a sandbox reaches its network',
      remedy: 'install the package socat (apt-get install socat)',
    };
  }
}

/** Milliseconds for which a sandbox that worked is not tried again, as long as its programs are the same. */
const WORKED_FOR_MS = 60_000;
/** When a sandbox last worked, in milliseconds since the start of this process, by the programs that made it. */
const worked = new Map<string, number>();

/** As `sandboxProblem`, by a try of the last minute where that found none. */
async function recentProblem(env: NodeJS.ProcessEnv = process.env): Promise<SandboxProblem | undefined> {
  const programs = JSON.stringify(['bwrap', 'setpriv'].map((name) => identityOf(name, env['PATH'])));
  const last = worked.get(programs);
  if (last !== undefined && performance.now() - last < WORKED_FOR_MS) return undefined;
  const problem = await sandboxProblem(env);
  if (problem === undefined) worked.set(programs, performance.now());
  return problem;
}

/** Which file a program is, and of when. */
function identityOf(name: string, path = ''): string | undefined {
  for (const folder of path.split(delimiter)) {
    try {
      const { dev, ino, mode, ctimeMs } = statSync(join(folder, name));
      return [folder, dev, ino, mode, ctimeMs].join(' ');
    } catch {
      // It is not there.
    }
  }
  return undefined;
}

/**
 * @param options.network what the sandbox is to reach; default: nothing
 * @param options.strict whether the kernel must bound all of it; default: the watch may be alone
 * @throws SubagentsError NO_SANDBOX when this machine cannot sandbox
 */
export async function requireSandbox({
  network = 'none',
  strict = false,
  env,
}: {
  readonly network?: string | undefined;
  readonly strict?: boolean;
  readonly env?: NodeJS.ProcessEnv;
} = {}): Promise<void> {
  const found =
    (await recentProblem(env)) ??
    (network === 'none' ? undefined : await networkProblem(env)) ??
    (strict ? boundsProblem() : undefined);
  if (found === undefined) return;
  throw new SubagentsError('NO_SANDBOX', found.problem, { remedy: `${found.remedy}, then spawn again` });
}
