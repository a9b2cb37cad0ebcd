/** Checks whether the programs of shell commands are there, as far as the text of the commands tells. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Check } from '../contract/index.ts';
import { readShell } from '../policy/commands.ts';
import { isKnownProgram } from '../policy/programs.ts';
import { fail, ok, warn } from './check.ts';

/** Commands that bash runs itself (bash(1), SHELL BUILTIN COMMANDS). */
const BUILTINS = new Set(
  (
    '. : [ alias bg bind break builtin caller cd command compgen complete continue declare dirs disown echo enable eval ' +
    'exec exit export false fc fg getopts hash help history jobs kill let local logout mapfile popd printf pushd pwd read ' +
    'readarray readonly return set shift shopt source suspend test times trap true type typeset ulimit umask unalias unset wait'
  ).split(' '),
);

/** The commands of a repository. */
export interface RepositoryCommands {
  readonly setup: readonly string[];
  readonly verify: readonly string[];
}

/**
 * Checks the programs that set-up and verification call.
 * @param path the `PATH` of these commands
 * @param hasFile whether the repository has this file, by its path there
 */
export async function checkPrograms(
  { setup, verify }: RepositoryCommands,
  path: string,
  hasFile: (path: string) => Promise<boolean>,
): Promise<Check> {
  const found = new Set<string>();
  const missing = new Map<string, string>();
  let isFirstMissing = false;
  for (const [index, command] of [...setup, ...verify].entries())
    for (const program of programsIn(command)) {
      if (found.has(program) || missing.has(program)) continue;
      const isThere = program.includes('/') ? await isInPlace(program, hasFile) : isOnPath(program, path);
      if (isThere) found.add(program);
      else missing.set(program, command);
      isFirstMissing ||= !isThere && index === 0;
    }
  if (missing.size === 0) {
    const names = [...found].join(', ');
    return ok(
      'programs',
      names === '' ? 'set-up and verification call none that can be told' : `${names}: there`,
    );
  }
  const list = [...missing].map(([program, command]) => `${program} (of \`${command}\`)`).join(', ');
  const remedy = 'install it on the worker, on the PATH that the worker starts with';
  // What set-up does before may bring the program.
  if (setup.length > 0 && !isFirstMissing)
    return warn('programs', `not there before set-up: ${list}`, `${remedy}, unless set-up installs it`);
  return fail('programs', `not there: ${list}`, remedy);
}

/** The programs that a shell text calls: by name, or by a path. */
function programsIn(command: string): string[] {
  const acts = readShell(command, '/', { cwd: '/', home: '/', temporary: '/tmp' });
  return acts.flatMap((act) => {
    // A wrapper that is no program is a function of the text.
    if (act.kind !== 'command' || act.perhaps || (act.wrapper && !isKnownProgram(act.name))) return [];
    return BUILTINS.has(act.program) ? [] : [act.program];
  });
}

async function isInPlace(program: string, hasFile: (path: string) => Promise<boolean>): Promise<boolean> {
  if (program.startsWith('/')) return isExecutable(program);
  // Where the shell has changed its folder, nothing can be told.
  return program.startsWith('../') || (await hasFile(program.replace(/^(\.\/)+/, '')));
}

const isOnPath = (name: string, path: string): boolean =>
  path
    .split(delimiter)
    .filter(Boolean)
    .some((folder) => isExecutable(join(folder, name)));

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
