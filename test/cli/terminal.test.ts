/** What the commands do only in a terminal: start `up`, and redraw in place. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { spawn as spawnPty } from '@lydell/node-pty';
import stringWidth from 'string-width';
import xterm from '@xterm/headless';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
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
function inTerminal(...args: string[]) {
  let size = { cols: 110, rows: 24 };
  const screen = new xterm.Terminal({ ...size, allowProposedApi: true });
  const { cwd } = surroundings();
  const child = spawnPty(process.execPath, [MAIN, ...args], {
    ...size,
    cwd,
    env: environment(surroundings()),
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
    shows: (what: string) =>
      eventually(() => {
        if (!text().includes(what) && exitCode !== undefined) throw new Error(`ended: ${text()}`);
        return text().includes(what);
      }),
    exit: () => eventually(() => exitCode !== undefined && { exitCode }),
    press: (keys: string) => child.write(keys),
  };
}

const timesIn = (text: string, what: string): number => text.split(what).length - 1;

it('spawn starts `up` where nothing runs; watch and wait redraw in place', async () => {
  const spawned = inTerminal('spawn', 'sitter', 'sit');
  expect(await spawned.exit()).toEqual({ exitCode: 0 });
  expect(spawned.text()).toContain('starting `subagents up --detach`');
  expect(spawned.text()).toContain('`subagents down` stops it');

  const watching = inTerminal('watch', '--interval', '200ms');
  await watching.shows('sitter');
  await watching.shows('working');
  // Another row comes into the same table.
  expect((await run(['spawn', 'second', 'say done'], surroundings())).exitCode).toBe(0);
  await watching.shows('second');
  await watching.shows('done');
  expect(timesIn(watching.text(), 'sitter')).toBe(1);
  watching.press('q');
  expect(await watching.exit()).toEqual({ exitCode: 0 });

  const waiting = inTerminal('wait', 'sitter');
  await waiting.shows('sitter');
  const drawn = waiting.text();
  await eventually(() => waiting.text() !== drawn && timesIn(waiting.text(), 'sitter') > 0);
  expect(timesIn(waiting.text(), 'sitter')).toBe(1);
  await writeFile(join(folder.path, 'go-on'), '');
  expect(await waiting.exit()).toEqual({ exitCode: 0 });
  expect(waiting.text()).toContain('Sat.');
});

it('watch fits its terminal whenever that changes its size, and leaves nothing old on it', async () => {
  const watching = inTerminal('watch', '--interval', '1h');
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
