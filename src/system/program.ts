/** Runs a short program to its end, and collects its output. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

/** The program to run. */
export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  /** Folder to run in. */
  readonly cwd: string;
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Text for its standard input. */
  readonly input: string;
  /** Whether it gets a process session of its own, and so a process group. */
  readonly detached: boolean;
}

/** How a spawner is started elsewhere, for example behind walls. */
export interface SpawnerStart {
  readonly file: string;

  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv;
}

/** How the program ended. */
export interface ProgramEnd {
  /** null if a signal ended it. */
  readonly exitCode: number | null;
  readonly signalCode: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program as a child of this process.
 * @param signal ends it with SIGTERM, including its whole group if it has its own
 * @throws the system's error if it cannot be started
 */
export async function runHere(program: Program, signal?: AbortSignal): Promise<ProgramEnd> {
  const { file, args, cwd, env, input, detached } = program;
  const child = spawn(file, args, { cwd, env, detached });
  const end = (): void => {
    if (detached) endGroup(child.pid);
    else child.kill();
  };
  signal?.addEventListener('abort', end);
  if (signal?.aborted) end();
  try {
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    // The program may end before it has read its input; its exit code then says what happened.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    const [exitCode, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    return { exitCode, signalCode: child.signalCode, stdout, stderr };
  } finally {
    signal?.removeEventListener('abort', end);
  }
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGTERM');
  } catch {
    // It has just ended by itself.
  }
}
