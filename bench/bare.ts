/**
 * The peer: plain `copilot -p` with all permissions, as a separate process with the same executable and model as ours.
 */
import { execa } from 'execa';
import { now } from './clock.ts';

export interface BareOptions {
  readonly executable: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Runs one peer to its end. @returns its wall time in milliseconds @throws if it fails */
export async function runBare({ executable, env }: BareOptions, task: string, cwd: string): Promise<number> {
  const began = now();
  await execa(executable, ['-p', task, '--allow-all-tools'], { cwd, env, extendEnv: false, stdin: 'ignore' });
  return now() - began;
}

/** Starts a peer that runs until `stop`. */
export function startBare(
  { executable, env }: BareOptions,
  task: string,
  cwd: string,
): { stop(): Promise<void> } {
  const child = execa(executable, ['-p', task, '--allow-all-tools'], {
    cwd,
    env,
    extendEnv: false,
    stdio: 'ignore',
    reject: false,
  });
  return {
    stop: async () => {
      child.kill('SIGKILL');
      await child;
    },
  };
}
