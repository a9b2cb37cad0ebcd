/**
 * The program that Copilot CLI finds as `bwrap`. Copilot's own sandbox shares `/tmp` and, where the worker is root, can be
 * opened from within; so each of its shells gets our walls instead of those that Copilot asks for.
 */
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ensurePrivateDir, writePrivateFile } from '../system/files.ts';
import { shellQuoted } from '../system/shell-quote.ts';
import { OPEN_BRIDGE } from './network/bridge.ts';
import { innerCommand, outerCommand } from './bounds/start.ts';
import { bwrapArguments, WALLS_MARK, type Walls } from './walls.ts';

/** Exit code of a command that was not run because its walls were missing. */
const NO_WALLS = 126;

/** For sh, inside: opens the network, runs the command, and says which files in memory are gone with it. */
const INSIDE_SCRIPT = [
  `${OPEN_BRIDGE} "$@"; code=$?;`,
  `for file in /dev/shm/*; do [ ! -e "$file" ] ||`,
  `echo "subagents: $file is gone with this command: /dev/shm is memory of one command, /tmp is kept" >&2; done;`,
  `exit $code`,
].join(' ');

/**
 * Takes environment, folder and command from Copilot's arguments, and bounds and walls from the file that they name. In that file
 * each word ends with NUL: two lists of words with a dot before each, which an empty word ends, then the arguments of bwrap.
 */
const launcher = (folder: string): string => `#!/bin/bash
# Starts a shell of a sandboxed subagent. Written by subagents.
real=
IFS=:
for folder in $PATH; do
  [ -x "$folder/bwrap" ] && ! [ "$folder/bwrap" -ef "$0" ] && { real=$folder/bwrap; break; }
done
unset IFS
[ -n "$real" ] || { echo 'subagents: bwrap is not installed: the command was not run' >&2; exit ${NO_WALLS}; }
case $1 in --version | --help) exec "$real" "$@" ;; esac
all_walls=${shellQuoted(folder)} walls= folder=/ environment=()
inside=${shellQuoted(INSIDE_SCRIPT)}
while [ $# -gt 0 ]; do
  case $1 in
    --setenv) environment+=(--setenv "$2" "$3"); shift 3 ;;
    --chdir) folder=$2; shift 2 ;;
    --) shift; break ;;
    "$all_walls"/*) walls=$1; shift ;;
    *) shift ;;
  esac
done
[ -r "$walls" ] || { echo 'subagents: this session has no sandbox: the command was not run' >&2; exit ${NO_WALLS}; }
exec 9<"$walls"
outer=() inner=()
while IFS= read -r -d '' word <&9 && [ -n "$word" ]; do outer+=("\${word#.}"); done
while IFS= read -r -d '' word <&9 && [ -n "$word" ]; do inner+=("\${word#.}"); done
[ \${#inner[@]} -gt 0 ] || { echo 'subagents: this session has no bounds: the command was not run' >&2; exit ${NO_WALLS}; }
exec "\${outer[@]}" "$real" --clearenv "\${environment[@]}" --args 9 --chdir "$folder" -- \\
  "\${inner[@]}" /bin/sh -c "$inside" sh "$@"
`;

const folderOf = (copilotHome: string): string => join(copilotHome, 'sandbox');
const sessionWalls = (copilotHome: string, copilotSessionId: string): string =>
  join(folderOf(copilotHome), 'walls', copilotSessionId);

/**
 * Writes the launcher, and returns the PATH on which a Copilot runtime finds it first.
 * @throws SubagentsError DISK_FULL, FILE_ACCESS
 */
export function launcherPath(copilotHome: string, path = '/usr/local/bin:/usr/bin:/bin'): string {
  const folder = join(folderOf(copilotHome), 'bin');
  const file = join(folder, 'bwrap');
  const text = launcher(join(folderOf(copilotHome), 'walls'));
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    ensurePrivateDir(folder);
    writePrivateFile(file, text);
    chmodSync(file, 0o700);
  }
  return [folder, path].join(delimiter);
}

/** The folder for output of a session that is too large for an answer: written outside, read inside. */
export const largeOutputs = (copilotHome: string, copilotSessionId: string): string =>
  join(folderOf(copilotHome), 'outputs', copilotSessionId);

/** What shells of a session read: the script that each runs first, and large outputs. */
export const shellFiles = (copilotHome: string, copilotSessionId: string): string[] => [
  join(copilotHome, 'init-scripts', `${copilotSessionId}.sh`),
  largeOutputs(copilotHome, copilotSessionId),
];

/**
 * Says what walls the shells of a Copilot session get from now on.
 * @throws SubagentsError DISK_FULL, FILE_ACCESS
 */
export function setWalls(copilotHome: string, copilotSessionId: string, walls: Walls): void {
  ensurePrivateDir(join(folderOf(copilotHome), 'walls'));
  ensurePrivateDir(largeOutputs(copilotHome, copilotSessionId));
  const words = (all: readonly string[]): string => all.map((word) => `${word}\0`).join('');
  const dotted = (all: readonly string[]): string => `${words(all.map((word) => `.${word}`))}\0`;
  const { bounds } = walls;
  const text = dotted(outerCommand(bounds)) + dotted(innerCommand(bounds)) + words(bwrapArguments(walls));
  writePrivateFile(sessionWalls(copilotHome, copilotSessionId), text);
}

/** The files that a session's sandbox has in Copilot's home. */
export const launcherFiles = (copilotHome: string, copilotSessionId: string): string[] => [
  sessionWalls(copilotHome, copilotSessionId),
  largeOutputs(copilotHome, copilotSessionId),
];

/** Lines of a shell's init script that end a shell which is not behind our walls. */
export const WALLS_CHECK = `[ -d ${WALLS_MARK} ] || { echo 'subagents: no sandbox around this shell: the command was not run' >&2; exit ${NO_WALLS}; }\n`;

/**
 * What Copilot CLI is told of the sandbox of a session: to start every shell by `bwrap`, without network and without a way
 * around. The walls themselves are the launcher's, which finds the session's file among the paths that Copilot names.
 */
export const copilotSandbox = (copilotHome: string, copilotSessionId: string) => ({
  enabled: true,
  addCurrentWorkingDirectory: true,
  allowDevToolAccess: false,
  allowBypass: false,
  userPolicy: {
    filesystem: { readonlyPaths: [sessionWalls(copilotHome, copilotSessionId)] },
    network: { allowOutbound: false, allowLocalNetwork: false },
  },
});
