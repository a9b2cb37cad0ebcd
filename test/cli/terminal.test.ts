/** What the commands do only in a terminal: start `up`, and redraw in place. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawn as spawnPty } from '@lydell/node-pty';
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
  const size = { cols: 110, rows: 24 };
  const screen = new xterm.Terminal({ ...size, allowProposedApi: true });
  const { cwd } = surroundings();
  const child = spawnPty(process.execPath, [MAIN, ...args], {
    ...size,
    cwd,
    env: environment(surroundings()),
  });
  let exitCode: number | undefined;
  child.onExit((exit) => (exitCode = exit.exitCode));
  child.onData((data) => screen.write(data));
  const text = (): string => {
    const { active } = screen.buffer;
    const lines = Array.from({ length: active.length }, (_, row) => active.getLine(row));
    return lines.map((line) => line?.translateToString(true) ?? '').join('\n');
  };
  return {
    text,
    shows: (what: string) => eventually(() => text().includes(what)),
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
