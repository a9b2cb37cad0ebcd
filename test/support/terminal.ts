/** The real interactive Copilot CLI in a terminal of its own, as a human has it before them; only the model is scripted. */
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { spawn } from '@lydell/node-pty';
import xterm from '@xterm/headless';
import { findCopilot } from '../../src/copilot/runtime/executable.ts';
import { eventually, PATIENCE_MS } from './eventually.ts';
import { NO_GIT_CONFIGURATION } from './repository.ts';

export interface TerminalOptions {
  readonly cwd: string;
  /** Of the human: HOME; Copilot CLI's own state is below it. */
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  /** Default: `--experimental --allow-all-tools`. */
  readonly args?: readonly string[];
  /** Lines of the screen; default 46. */
  readonly rows?: number;
}

/** A terminal with Copilot CLI in it; disposing of it closes it, as a human closes a window. */
export interface CopilotTerminal extends AsyncDisposable {
  readonly pid: number;
  /** The emulated terminal, for pictures. */
  readonly screen: xterm.Terminal;
  /** What is on the screen. */
  text(): string;
  /** Waits until the screen shows it. @throws what is on the screen when it does not in time */
  shows(what: string | RegExp): Promise<void>;
  /** Types a line. */
  say(line: string): Promise<void>;
  /** Presses keys. */
  press(keys: string): void;
  /** Closes the window: the CLI gets SIGHUP, and SIGKILL where it does not mind that. */
  close(): Promise<void>;
}

const COLUMNS = 110;
const ROWS = 46;

/** Starts Copilot CLI, and waits until it takes input. The folder is trusted, as a human would have answered once. */
export async function startCopilot(options: TerminalOptions): Promise<CopilotTerminal> {
  const { cwd, home, env, args = ['--experimental', '--allow-all-tools'], rows = ROWS } = options;
  const copilotHome = join(home, '.copilot');
  await mkdir(copilotHome, { recursive: true });
  await writeFile(join(copilotHome, 'config.json'), JSON.stringify({ trusted_folders: [cwd] }), {
    flag: 'wx',
  }).catch(
    () => undefined, // there already: resumed
  );
  const screen = new xterm.Terminal({ cols: COLUMNS, rows, allowProposedApi: true });
  const child = spawn(await findCopilot(undefined), [...args], {
    cwd,
    cols: COLUMNS,
    rows,
    name: 'xterm-256color',
    env: {
      PATH: process.env['PATH'] ?? '',
      ...NO_GIT_CONFIGURATION,
      HOME: home,
      COPILOT_HOME: copilotHome,
      XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
      LANG: 'C.UTF-8',
      COLORTERM: 'truecolor',
      ...env,
    },
  });
  let ended = false;
  child.onExit(() => (ended = true));
  child.onData((data) => screen.write(data));
  // What it asks its terminal (size, colours, cursor), the terminal answers.
  screen.onData((data) => {
    if (!ended) child.write(data);
  });
  const text = (): string => {
    const { active } = screen.buffer;
    const lines = Array.from({ length: rows }, (_, row) => active.getLine(active.viewportY + row));
    return lines.map((line) => line?.translateToString(true) ?? '').join('\n');
  };
  const shows = async (what: string | RegExp): Promise<void> => {
    const deadline = Date.now() + PATIENCE_MS;
    await eventually(() => {
      const now = text();
      if (typeof what === 'string' ? now.includes(what) : what.test(now)) return true;
      if (!ended && Date.now() < deadline) return undefined;
      throw new Error(`Copilot CLI ${ended ? 'ended before it showed' : 'never showed'} ${what}:\n${now}`);
    });
  };
  const close = async (): Promise<void> => {
    if (!ended) child.kill('SIGHUP');
    const deadline = Date.now() + 10_000;
    await eventually(() => {
      if (!ended && Date.now() > deadline) child.kill('SIGKILL');
      return ended;
    });
  };
  const terminal: CopilotTerminal = {
    pid: child.pid,
    screen,
    text,
    shows,
    close,
    press: (keys) => child.write(keys),
    async say(line) {
      // It takes a line and its Enter in one go for pasted text.
      child.write(line);
      await shows(line.slice(-20));
      child.write('\r');
    },
    [Symbol.asyncDispose]: close,
  };
  try {
    await shows(/\/ commands|Session in use[^]*Resume anyway/);
    if (text().includes('Resume anyway')) {
      // As a human does who wants the conversation in a second terminal.
      child.write('\r');
      await shows('/ commands');
    }
    return terminal;
  } catch (error) {
    await close();
    throw error;
  }
}
