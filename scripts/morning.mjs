// Draws docs/images/morning.svg: what `subagents list` prints on a morning with twenty subagents. Everything is real (an embedded
// server, a worker, Copilot CLI, git, the terminal's bytes); only the model is scripted. Needs `npm run build` first. Linux and macOS.
import { writeFile } from 'node:fs/promises';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { spawn } from '@lydell/node-pty';
import xterm from '@xterm/headless';
import { startFleet } from './screenshots/fleet.mjs';
import { REPOSITORIES, play, scenarios, SLOTS } from './screenshots/morning-scene.mjs';

register('../test/support/typescript-node20-hooks.mjs', import.meta.url);
const { pictureOf } = await import('../test/support/picture.ts');

const PICTURE = fileURLToPath(new URL('../docs/images/morning.svg', import.meta.url));
const MAIN = fileURLToPath(new URL('../dist/src/cli/main.bundle.js', import.meta.url));
const SIZE = { cols: 118, rows: 40 };

const undo = [];
try {
  const fleet = await startFleet(scenarios, { repositories: REPOSITORIES, slots: SLOTS }, undo);
  await play(fleet);
  const screen = new xterm.Terminal({ ...SIZE, allowProposedApi: true });
  const write = (text) => new Promise((resolve) => screen.write(text, () => resolve(undefined)));
  await write('$ subagents list\r\n');
  for (const bytes of await printed(['list'], fleet.home)) await write(bytes);
  await writeFile(PICTURE, pictureOf(screen));
  console.log(`drew ${PICTURE}`);
} finally {
  for (const step of undo.reverse()) await step();
}

/** What the command writes to a terminal. */
function printed(words, home) {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, LANG: 'C.UTF-8', SUBAGENTS_HOME: home };
  const child = spawn(process.execPath, [MAIN, ...words], { ...SIZE, name: 'xterm-256color', env });
  const bytes = [];
  child.onData((data) => bytes.push(data));
  return new Promise((resolve) => child.onExit(() => resolve(bytes)));
}
