/** What the commands do only in a terminal: start `up`, and redraw in place. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { spawn as spawnPty } from '@lydell/node-pty';
import { execa } from 'execa';
import stringWidth from 'string-width';
import xterm from '@xterm/headless';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { statusJson } from '../../src/cli/json.ts';
import { Subagents } from '../../src/client/index.ts';
import { eventually, PATIENCE_MS } from '../support/eventually.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { startScriptedModel, type ScriptedModel } from '../support/model.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { bash, on } from '../support/turns.ts';
import { environment, MAIN, run } from './command.ts';

let folder: TemporaryFolder;
let model: ScriptedModel;
let repository: Repository;
beforeAll(async () => {
  folder = await temporaryFolder();
  model = await startScriptedModel([
    on('sit', [bash(`until [ -e ${folder.path}/go-on ]; do sleep 0.1; done`), { text: 'Sat.' }]),
    on('say done', [{ text: 'Nothing to do.' }]),
    on('stay', [bash(`until [ -e ${folder.path}/go-home ]; do sleep 0.1; done`), { text: 'Stayed.' }]),
  ]);
  repository = await temporaryRepository();
});
afterAll(async () => {
  await run(['down', '--now'], surroundings());
  await model?.stop();
  await repository?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

const surroundings = () => ({
  home: join(folder.path, 'home'),
  env: { ...model.env, ...NO_GIT_CONFIGURATION },
  cwd: repository.path,
});

/** A command in a terminal: what is on its screen, and whether it has ended. */
function inTerminal(args: readonly string[], at = surroundings()) {
  let size = { cols: 110, rows: 24 };
  const screen = new xterm.Terminal({ ...size, allowProposedApi: true });
  const child = spawnPty(process.execPath, [MAIN, ...args], {
    ...size,
    cwd: at.cwd,
    env: environment(at),
  });
  let exitCode: number | undefined;
  child.onExit((exit) => (exitCode = exit.exitCode));
  let said = '';
  child.onData((data) => {
    said += data;
    screen.write(data);
  });
  const buffer = () => {
    const { active } = screen.buffer;
    return Array.from({ length: active.length }, (_, row) => active.getLine(row));
  };
  const lines = (): string[] =>
    buffer().map((line) => line?.translateToString(true, 0, size.cols).trimEnd() ?? '');
  const text = (): string => lines().join('\n');
  return {
    text,
    lines,
    /** What was drawn at once each time, in lines. */
    frames: (): string[][] =>
      // eslint-disable-next-line no-control-regex
      [...said.matchAll(/\u001B\[\?2026h([^]*?)\u001B\[\?2026l/g)].map(([, frame = '']) =>
        stripVTControlCharacters(frame)
          .split('\n')
          .map((line) => line.trimEnd()),
      ),
    /** Whether a line that was too long goes on in the next. */
    isWrapped: () => buffer().some((line) => line?.isWrapped === true),
    resize(cols: number, rows: number) {
      size = { cols, rows };
      screen.resize(cols, rows);
      child.resize(cols, rows);
    },
    /** Waits until the screen shows it. @throws what is on the screen when it does not in time */
    shows: (what: string) => {
      const deadline = Date.now() + PATIENCE_MS;
      return eventually(() => {
        if (text().includes(what)) return true;
        if (exitCode !== undefined || Date.now() > deadline) throw new Error(`no ${what} on\n${text()}`);
        return undefined;
      });
    },
    exit: () => eventually(() => exitCode !== undefined && { exitCode }),
    press: (keys: string) => child.write(keys),
  };
}

const timesIn = (text: string, what: string): number => text.split(what).length - 1;

it('spawn starts `up` where nothing runs; watch and wait redraw in place', async () => {
  const spawned = inTerminal(['spawn', 'sitter', 'sit']);
  expect(await spawned.exit()).toEqual({ exitCode: 0 });
  expect(spawned.text()).toContain('starting `subagents up --detach`');
  expect(spawned.text()).toContain('`subagents down` stops it');

  const watching = inTerminal(['watch', '--interval', '200ms']);
  await watching.shows('sitter');
  await watching.shows('working');
  // Another row comes into the same table.
  expect((await run(['spawn', 'second', 'say done'], surroundings())).exitCode).toBe(0);
  await watching.shows('second');
  await watching.shows('done');
  expect(timesIn(watching.text(), 'sitter')).toBe(1);
  watching.press('q');
  expect(await watching.exit()).toEqual({ exitCode: 0 });

  const waiting = inTerminal(['wait', 'sitter']);
  await waiting.shows('sitter');
  const drawn = waiting.text();
  await eventually(() => waiting.text() !== drawn && timesIn(waiting.text(), 'sitter') > 0);
  expect(timesIn(waiting.text(), 'sitter')).toBe(1);
  await writeFile(join(folder.path, 'go-on'), '');
  expect(await waiting.exit()).toEqual({ exitCode: 0 });
  expect(waiting.text()).toContain('Sat.');
});

it('watch fits its terminal whenever that changes its size, and leaves nothing old on it', async () => {
  const watching = inTerminal(['watch', '--interval', '1h']);
  await watching.shows('second');
  /** The screen once it was drawn for its size. */
  const resized = async (cols: number, rows: number): Promise<string[]> => {
    const before = watching.frames().length;
    watching.resize(cols, rows);
    // Nothing but the new size draws again within the hour.
    return await eventually(() => {
      expect(watching.isWrapped()).toBe(false);
      const frame = watching.frames().slice(before).at(-1);
      const lines = watching.lines();
      return frame && lines.join('\n').trimEnd() === frame.join('\n').trimEnd() && frame;
    });
  };
  const wide = await resized(111, 24);
  for (const [cols, rows] of [
    [60, 24],
    [38, 9],
    [12, 24],
    [80, 5],
    [30, 2],
    [2, 1],
  ] as const) {
    const lines = await resized(cols, rows);
    expect(lines.length).toBeLessThanOrEqual(rows);
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(cols);
  }
  const names = (lines: readonly string[]) => lines.map((line) => line.split(' ')[0]);
  expect(names(await resized(111, 24))).toEqual(names(wide));
  watching.resize(30, 24);
  watching.press('q');
  expect(await watching.exit()).toEqual({ exitCode: 0 });
});

const DOWN = '\u001B[B';
const PAGE_DOWN = '\u001B[6~';

it('watch scrolls by the keys of its terminal', async () => {
  await using subagents = await Subagents.connect({ home: surroundings().home, env: {} });
  // As many of those that have ended as it shows of a session.
  const labels = Array.from({ length: 10 }, (_, at) => `row-${at}`);
  const specs = labels.map((label) => ({ label, task: 'say done' }));
  for (const each of await subagents.session('rows').spawn(specs, { cwd: repository.path })) {
    if (each.accepted) await each.result();
  }
  const watching = inTerminal(['watch', '--interval', '1h', '--session', 'rows']);
  const shown = (): string[] => watching.lines().flatMap((line) => /\brow-\d+/.exec(line)?.[0] ?? []);
  watching.resize(110, 40);
  const all = await eventually(() => shown().length === 10 && shown());
  watching.resize(110, 10);
  const page = await eventually(() => Number(/rows 1 to (\d+) of/.exec(watching.text())?.[1]) || undefined);
  expect(page).toBeGreaterThan(2);
  expect(page).toBeLessThan(6);
  let first = 0;
  for (const [keys, by] of [
    [DOWN, 1],
    ['\u001BOB', 1],
    ['j', 1],
    ['\u001B[A', -1],
    ['k', -1],
    [PAGE_DOWN, page],
    ['\u001B[5~', -page],
    [' ', page],
    ['\u001B[H', -99],
    [DOWN + DOWN, 2],
  ] as const) {
    watching.press(keys);
    first = Math.min(Math.max(0, first + by), all.length - page);
    await watching.shows(`rows ${first + 1} to ${first + page} of`);
    expect([keys, shown()]).toEqual([keys, all.slice(first, first + page)]);
  }
  watching.press('\u001B[F');
  await eventually(() => shown().at(-1) === all.at(-1));
  watching.press('\u0003');
  expect(await watching.exit()).toEqual({ exitCode: 0 });
});

it('Ctrl-C on `spawn --wait` that started `up`, and a reader of `up --detach` that goes, leave `up` and subagents at work', async () => {
  const at = { ...surroundings(), home: join(folder.path, 'second') };
  const upOf = async () =>
    statusJson.parse(JSON.parse((await run(['status', '--json'], at)).stdout)).up?.pid ?? 0;
  const log = () => readFile(join(at.home, 'logs', 'up.log'), 'utf8');
  try {
    const spawned = inTerminal(['spawn', 'stayer', 'stay', '--wait'], at);
    await spawned.shows('starting `subagents up --detach`');
    await spawned.shows('bash:');
    const first = await upOf();
    spawned.press('\u0003');
    expect(await spawned.exit()).toEqual({ exitCode: 130 });
    expect(await upOf()).toBe(first);
    expect(await log()).not.toContain('Stopping');

    await run(['down'], at);
    await rm(join(at.home, 'logs', 'up.log'));
    const pipe = ['-c', '"$@" | head -1', 'sh', process.execPath, MAIN, 'up', '--detach'];
    const { stdout } = await execa('sh', pipe, { env: environment(at), extendEnv: false, cwd: at.cwd });
    expect(stdout).toBe('up');
    const second = await upOf();
    expect(second).not.toBe(first);
    await writeFile(join(folder.path, 'go-home'), '');
    const { exitCode, stdout: end } = await run(['wait', 'stayer'], at);
    expect([exitCode, end]).toEqual([0, expect.stringContaining('Stayed.')]);
    expect(await upOf()).toBe(second);
    expect(await log()).not.toContain('Stopping');
  } finally {
    await run(['down', '--now'], at);
  }
});
