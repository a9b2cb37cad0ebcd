/**
 * Runs one shell command in its own process session. Its whole output is kept in a file, and the end of it in
 * memory.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, createWriteStream, readdirSync, type WriteStream } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { markerScript } from '../../src/home/marker.ts';
import { wallsOf } from '../../src/home/sandboxes.ts';
import { openNetwork } from '../../src/sandbox/network/proxies.ts';
import { behindWalls, withNetwork, type WalledProgram } from '../../src/sandbox/walls.ts';
import type { RedactingStream, Redactor } from '../../src/environment/redact.ts';
import { openNewPrivateFile } from '../../src/system/files.ts';
import { linuxStat, startTimeOf } from '../../src/system/process.ts';

/** Options of `runCommand`. */
export interface CommandOptions {
  readonly command: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** The command's processes carry the mark of this Copilot session, so that a sweep finds those that escape. */
  readonly copilotSessionId: string;
  readonly timeoutMs: number;
  /** Ends the command's process session; the call then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** The file for the whole output, mode 0600; an existing file is replaced. */
  readonly outputFile: string;
  /** Maximum size of that file, in bytes. */
  readonly maxOutputBytes: number;
  /** Called with each piece of output before secrets are removed. */
  readonly onOutput?: (piece: Buffer) => void;
  /** Without walls around its folder the command does not run; default: they may be missing. */
  readonly sandboxed?: boolean;
  /** Removes secrets from the output before it is stored or returned. */
  readonly redactor: Redactor;
}

/** The result of a command. */
export interface CommandResult {
  /** null when a signal ended the command. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  readonly durationMs: number;
  /** The end of the output, stdout and stderr in the order of arrival; at most 64 KiB. */
  readonly end: string;
  /** Why the output file is incomplete or missing; undefined when it is complete. */
  readonly fileProblem: string | undefined;
  /** Whether the command left processes in its session; they were ended. */
  readonly leftProcesses: boolean;
}

const END_BYTES = 64 * 1024;
/** Milliseconds between SIGTERM and SIGKILL. */
const GRACE_MS = 2_000;
const SETTLE_MS = 200;
/** Maximum milliseconds between two checks for remaining processes. */
const MAX_CHECK_INTERVAL_MS = 200;
/**
 * Milliseconds of silence after which the output of an ended command is closed, since only processes that left its
 * session can still hold it open.
 */
const DRAIN_MS = 300;
/** Milliseconds after which that output is closed even when it is not silent. */
const MAX_DRAIN_MS = 5_000;

/** Runs a command with bash, or with sh where bash is missing. Its standard input is empty. */
export async function runCommand(options: CommandOptions): Promise<CommandResult> {
  options.signal.throwIfAborted();
  const begun = performance.now();
  const shell = findShell(options.env['PATH']);
  // First set the mark; then send both streams into one pipe, to keep their order.
  const script = `${markerScript(options.copilotSessionId)}exec ${shell} -c "$1" 2>&1`;
  const program = { file: shell, args: ['-c', script, shell, options.command], cwd: options.cwd };
  const walls = wallsOf(options.cwd, options.sandboxed === true);
  if (walls) await openNetwork(walls);
  const { file, args } =
    walls === undefined ? program : intoOneStream(behindWalls(walls, withNetwork(walls, program)));
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: { ...options.env, COPILOT_AGENT_SESSION_ID: options.copilotSessionId },
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  const output = new Output(child.stdout, options);
  if (options.onOutput) child.stdout.on('data', options.onOutput);
  const exited = new Promise<void>((resolve, reject) => {
    child.once('exit', () => resolve());
    child.once('error', reject);
  });
  let timedOut = false;
  let killer: NodeJS.Timeout | undefined;
  const end = (): void => {
    signalSession(child.pid, 'SIGTERM');
    killer ??= setTimeout(() => signalSession(child.pid, 'SIGKILL'), GRACE_MS);
  };
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, options.timeoutMs);
  options.signal.addEventListener('abort', end);
  try {
    await exited;
  } finally {
    clearTimeout(timer);
    clearTimeout(killer);
    options.signal.removeEventListener('abort', end);
  }
  const durationMs = Math.round(performance.now() - begun);
  const left = await endSession(child.pid);
  const fileProblem = await output.close();
  options.signal.throwIfAborted();
  const { exitCode, signalCode } = child;
  return {
    exitCode,
    signal: signalCode,
    timedOut,
    durationMs,
    fileProblem,
    end: output.end,
    leftProcesses: left && !timedOut,
  };
}

/** What starts a program behind walls says why it could not, or why it was ended, on its standard error. */
const intoOneStream = ({ file, args }: WalledProgram): WalledProgram => ({
  file: 'sh',
  args: ['-c', 'exec "$@" 2>&1', 'sh', file, ...args],
});

/** Collects the output of a command. */
class Output {
  readonly #source: Readable;
  /** Absent if it could not be opened. */
  readonly #file: WriteStream | undefined;
  readonly #max: number;
  #written = 0;
  #problem: string | undefined;
  readonly #tail: Buffer[] = [];
  #tailBytes = 0;
  #lastAt = Date.now();

  readonly #clean: RedactingStream;

  constructor(source: Readable, options: Pick<CommandOptions, 'outputFile' | 'maxOutputBytes' | 'redactor'>) {
    this.#source = source;
    this.#max = options.maxOutputBytes;
    this.#clean = options.redactor.stream();
    try {
      const { outputFile } = options;
      this.#file = createWriteStream(outputFile, { fd: openNewPrivateFile(outputFile) });
    } catch (error) {
      this.#problem = `there is no output file: ${(error as Error).message}`;
    }
    // On a full disk the output file is lost, but the verification continues.
    this.#file?.on('error', (error) => {
      this.#problem ??= `the output file is incomplete: ${error.message}`;
      source.resume();
    });
    this.#file?.on('drain', () => source.resume());
    source.on('data', (chunk: Buffer) => {
      this.#lastAt = Date.now();
      this.#take(this.#clean.take(chunk));
    });
  }

  get end(): string {
    return Buffer.concat(this.#tail).subarray(-END_BYTES).toString('utf8');
  }

  /** Waits for the rest of the output; returns why the file is incomplete. */
  async close(): Promise<string | undefined> {
    const until = Date.now() + MAX_DRAIN_MS;
    while (!this.#source.closed && Date.now() < Math.min(this.#lastAt + DRAIN_MS, until)) await delay(5);
    this.#source.destroy();
    this.#take(this.#clean.end());
    const file = this.#file;
    if (file !== undefined && !file.closed) {
      await new Promise<void>((resolve) => {
        file.once('close', resolve);
        file.end();
      });
    }
    return this.#problem;
  }

  #take(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#tail.push(chunk);
    this.#tailBytes += chunk.length;
    while (this.#tailBytes - (this.#tail[0]?.length ?? 0) >= END_BYTES) {
      this.#tailBytes -= this.#tail.shift()?.length ?? 0;
    }
    const room = this.#max - this.#written;
    if (this.#problem !== undefined || this.#file === undefined) return;
    if (chunk.length > room) this.#problem = `the output file ends after ${this.#max} bytes`;
    this.#written += Math.min(chunk.length, room);
    if (!this.#file.write(chunk.subarray(0, room))) this.#source.pause();
  }
}

/** Ends the remaining processes of a session; returns whether there were any. */
async function endSession(leader: number | undefined): Promise<boolean> {
  // Processes that end at the same moment as the command do not count as left behind.
  if (leader === undefined || (await isEmpty(leader, SETTLE_MS))) return false;
  signalSession(leader, 'SIGTERM');
  if (await isEmpty(leader, GRACE_MS)) return true;
  signalSession(leader, 'SIGKILL');
  await isEmpty(leader, SETTLE_MS);
  return true;
}

async function isEmpty(leader: number, withinMs: number): Promise<boolean> {
  const until = Date.now() + withinMs;
  // Each check reads all processes of the machine, so the pauses grow.
  for (let pause = 10; hasProcesses(leader); pause = Math.min(2 * pause, MAX_CHECK_INTERVAL_MS)) {
    if (Date.now() > until) return false;
    await delay(pause);
  }
  return true;
}

function hasProcesses(leader: number): boolean {
  // A process group exists as long as it contains a zombie, and not every init process reaps orphans.
  return process.platform === 'linux' ? livingMembers(leader).length > 0 : signalTo(-leader, 0);
}

/** Signals the process group, and on Linux also session members that moved to a group of their own. */
function signalSession(leader: number | undefined, signal: NodeJS.Signals): void {
  if (leader === undefined) return;
  signalTo(-leader, signal);
  if (process.platform === 'linux') livingMembers(leader).forEach((pid) => signalTo(pid, signal));
}

function livingMembers(leader: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      const stat = Number.isInteger(pid) ? linuxStat(pid) : undefined;
      return stat?.session === leader && startTimeOf(stat) !== undefined;
    });
}

/** Returns false when no process has that id. */
function signalTo(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(target, signal);
  } catch {
    return false;
  }
}

function findShell(path = '/usr/local/bin:/usr/bin:/bin'): 'bash' | 'sh' {
  const hasBash = path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'bash'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return hasBash ? 'bash' : 'sh';
}
