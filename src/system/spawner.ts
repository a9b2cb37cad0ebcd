/**
 * Starts programs on behalf of a large process.
 *
 * To start a program, Linux first copies the page tables of the starting process, and Node waits for that: 1 ms for a
 * process of 50 MB, 11 ms for 150 MB, 25 ms for 350 MB (docs/decisions/0011-a-small-process-starts-programs.md). A
 * worker starts about twenty programs for each subagent, so it delegates this to a small process.
 */
import { fork } from 'node:child_process';
import { runHere, type Program, type ProgramEnd, type SpawnerStart } from './program.ts';
import { compiledFile } from './compiled-file.ts';
import { SpawnerLink } from './spawner-link.ts';

/** The program that a spawner process runs. */
export const spawnerFile = (): string => compiledFile('system/spawner-process.bundle.js');

/** Whether this process has a spawner. */
export const hasSpawner = (): boolean => spawner !== undefined;

/**
 * Runs a program, by the spawner if this process has one, otherwise as a child of its own. See `runHere`.
 * @param inside how a spawner is started in which it is to run, with a spawner of this process alone; it is kept for the
 * programs that follow within seconds
 */
export function runProgram(
  program: Program,
  signal?: AbortSignal,
  inside?: SpawnerStart,
): Promise<ProgramEnd> {
  return spawner === undefined ? runHere(program, signal) : spawner.run(program, signal, inside);
}

/**
 * Makes this process use a spawner from now on. The spawner ends with this process; if it dies earlier, programs are
 * started directly.
 */
export function useSpawner(): void {
  spawner ??= start();
}
let spawner: SpawnerLink | undefined;

function start(): SpawnerLink {
  const child = fork(spawnerFile(), [], { execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const started = new SpawnerLink(child, () => {
    if (spawner === started) spawner = undefined;
  });
  return started;
}
