/** Programs of the tests that need a process of their own. */
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { isAlive, processStartTime } from '../../src/system/process.ts';

const HOOKS = new URL('typescript-hooks.mjs', import.meta.url).href;
const WITH_HOOKS = `data:text/javascript,import { register } from 'node:module'; register('${HOOKS}');`;

/** Arguments with which Node runs the sources. */
export const TYPESCRIPT = ['--import', WITH_HOOKS];

/** A running program; disposing of it kills it. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** Waits for a line of its standard output that matches, and gives the match. @throws when it ends before */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** Every line so far. */
  readonly lines: readonly string[];
  /** Sends a line to its standard input. */
  say(line: string): void;
  /** The signal that has ended it. */
  readonly endedBy: Promise<NodeJS.Signals | undefined>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
}

/** Runs a program where pids mean something else, as in another container; it ends with `unshare`. */
export const IN_PID_NAMESPACE = ['unshare', '-Upf', '--mount-proc', '--kill-child=SIGKILL'];

/**
 * Starts the TypeScript program `file` (relative to `from`, an `import.meta.url`) in a process of its own.
 * @param within a command that runs it; the pid is that command's then
 */
export function startChild(
  from: string,
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  within: readonly string[] = [],
): Child {
  const path = fileURLToPath(new URL(file, from));
  const [program = '', ...words] = [...within, process.execPath, ...TYPESCRIPT, path, ...args];
  const child = execa(program, words, {
    env,
    reject: false,
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
    buffer: false,
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${path}`);
  const startTime = processStartTime(pid) ?? '';
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => waiting.forEach((check) => check());
  let ended = false;
  const input = createInterface({ input: child.stdout });
  input.on('line', (line) => {
    lines.push(line);
    wake();
  });
  input.on('close', () => {
    ended = true;
    wake();
  });
  const kill = async (): Promise<void> => {
    if (isAlive(pid, startTime)) child.kill('SIGKILL');
    await child;
  };
  return {
    pid,
    endedBy: child.then(({ signal }) => signal),
    lines,
    say: (line) => void child.stdin.write(`${line}\n`),
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          for (const line of lines) {
            const match = pattern.exec(line);
            if (!match) continue;
            waiting.delete(check);
            return resolve(match);
          }
          if (ended) reject(new Error(`${file} ended without ${pattern}; it said: ${lines.join(' | ')}`));
        };
        waiting.add(check);
        check();
      }),
    kill,
    [Symbol.asyncDispose]: kill,
  };
}
