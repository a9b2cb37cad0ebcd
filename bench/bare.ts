/** The peer: bare `copilot -p`, allowed everything, as a process of its own. The same executable and the same model as ours. */
import { execa } from 'execa';
import { now } from './clock.ts';

export interface BareOptions {
  readonly executable: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Runs one to its end. @returns its wall time in milliseconds @throws when it fails */
export async function runBare({ executable, env }: BareOptions, task: string, cwd: string): Promise<number> {
  const began = now();
  await execa(executable, ['-p', task, '--allow-all-tools'], { cwd, env, extendEnv: false, stdin: 'ignore' });
  return now() - began;
}

/** Starts one that goes on until `stop`. */
export function startBare(
  { executable, env }: BareOptions,
  task: string,
  cwd: string,
): { stop(): Promise<void> } {
  const child = execa(executable, ['-p', task, '--allow-all-tools'], {
    ...{ cwd, env, extendEnv: false, stdio: 'ignore', reject: false },
  });
  return {
    stop: async () => {
      child.kill('SIGKILL');
      await child;
    },
  };
}
