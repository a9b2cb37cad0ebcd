/** Whether this machine can sandbox a subagent: tried, not concluded from what is installed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SubagentsError } from '../contract/errors.ts';
import { oneLine } from '../contract/text/text.ts';
import { runProgram } from '../system/spawner.ts';
import { behindWalls, WALLS_MARK } from './walls.ts';

/** The oldest version of bubblewrap that can forbid user namespaces inside. */
const MINIMUM_BWRAP_VERSION = '0.8';

const TRY_TIMEOUT_MS = 10_000;

/** Why a machine cannot sandbox, and what to do about it. */
export interface SandboxProblem {
  readonly problem: string;
  readonly remedy: string;
}

/** Runs a program behind walls, and returns why that failed; undefined when it did not. */
export async function sandboxProblem(
  env: NodeJS.ProcessEnv = process.env,
): Promise<SandboxProblem | undefined> {
  if (process.platform !== 'linux')
    return { problem: 'a sandbox needs Linux', remedy: 'spawn without a sandbox, or on a Linux worker' };
  const folder = await mkdtemp(join(tmpdir(), 'subagents-walls-'));
  try {
    const walls = { writable: [], readable: [], temporary: folder, home: folder };
    const program = behindWalls(walls, { file: 'test', args: ['-d', WALLS_MARK], cwd: '/' });
    const { exitCode, stderr } = await runProgram(
      { ...program, cwd: '/', env, input: '', detached: false },
      AbortSignal.timeout(TRY_TIMEOUT_MS),
    );
    return exitCode === 0 ? undefined : refused(stderr.trim() || `exit code ${exitCode}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    return {
      problem: 'bwrap is not installed',
      remedy: 'install the package bubblewrap (apt-get install bubblewrap)',
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function refused(said: string): SandboxProblem {
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

/**
 * @param options.network what the sandbox is to reach; default: nothing
 * @throws SubagentsError NO_SANDBOX when this machine cannot sandbox
 */
export async function requireSandbox({
  network = 'none',
  env,
}: { readonly network?: string | undefined; readonly env?: NodeJS.ProcessEnv } = {}): Promise<void> {
  const found = (await sandboxProblem(env)) ?? (network === 'none' ? undefined : await networkProblem(env));
  if (found === undefined) return;
  throw new SubagentsError('NO_SANDBOX', found.problem, { remedy: `${found.remedy}, then spawn again` });
}
