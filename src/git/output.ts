/** Git calls whose output is read while they run, or not to its end. */
import { spawn } from 'node:child_process';
import type { Git } from './git.ts';
import { gitError } from './run.ts';

/** Options of such a call. */
interface OutputOptions {
  /** The command among the arguments, for errors. */
  readonly command: string;
  /** Variables added to those of the handle. */
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input of the call. */
  readonly input?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs git, and streams its standard output. Whoever reads no further ends the call.
 * @throws SubagentsError GIT if git fails; the reason of `signal`
 */
export async function* gitOutput(
  git: Git,
  args: readonly string[],
  { command, env: more = {}, input = '', signal }: OutputOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const { cwd } = git;
  const { file, args: all, env } = await git.program(args, { env: more });
  const child = spawn(file, all, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  const end = (): void => void child.kill();
  signal?.addEventListener('abort', end);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  ended.catch(() => undefined);
  try {
    // It may end before it has read its input; its exit code then says what happened.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
    yield* child.stdout as AsyncIterable<Buffer>;
    const exitCode = await ended;
    signal?.throwIfAborted();
    if (exitCode !== 0) throw gitError([command], cwd, { exitCode: exitCode ?? 1, stdout: '', stderr });
  } finally {
    signal?.removeEventListener('abort', end);
    end();
    await ended.catch(() => undefined);
  }
}
