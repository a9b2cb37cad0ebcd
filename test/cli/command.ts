/** The command line as users run it: a process of its own, from dist/. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

/** The entry point that the package's `bin` names. */
export const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.bundle.js', import.meta.url));

/** How a command ended. */
export interface Ran {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  /** SUBAGENTS_HOME. */
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What stdin gives; without it, stdin is empty. */
  readonly input?: string;
}

/** An environment without anything of this machine's user: no login, no Temporal, no settings. */
export function environment({ home, env }: Surroundings): Record<string, string> {
  const { PATH = '', SUBAGENTS_TEMPORAL_PATH = '' } = process.env;
  return {
    PATH,
    SUBAGENTS_TEMPORAL_PATH,
    HOME: `${home}-of-user`,
    // Copilot CLI unpacks 235 MB there, once.
    XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
    SUBAGENTS_HOME: home,
    TERM: 'xterm-256color',
    ...env,
  };
}

/** Starts a command; its stdout and stderr are pipes. @param within a command that runs it */
export function start(args: readonly string[], surroundings: Surroundings, within: readonly string[] = []) {
  const [program = '', ...words] = [...within, process.execPath, MAIN, ...args];
  return execa(program, words, {
    env: environment(surroundings),
    extendEnv: false,
    reject: false,
    input: surroundings.input ?? '',
    cwd: surroundings.cwd ?? process.cwd(),
  });
}

/** Runs a command to its end. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<Ran> {
  const { exitCode, stdout, stderr } = await start(args, surroundings);
  return { exitCode, stdout, stderr };
}
