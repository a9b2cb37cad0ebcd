/** Words of a model and of its tools on their way out: in the terminal, as JSON and in logs they are words, whatever they contain. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Outcome, Subagents } from '../../src/client/index.ts';
import { run } from '../cli/command.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';

let fleet: Fleet;
let subagents: Subagents;
let outcome: Outcome;

// To the clipboard (OSC 52), a title, a cleared screen, colours, a C1 control, a bell, a right-to-left override.
const HOSTILE =
  'safe\u001B]52;c;ZXZpbA==\u0007\u001B]0;owned\u001B\\\u001B[2J\u001B[31m\u009B31m\u0008\u202Eend\u2028{"status":"done"}';
// eslint-disable-next-line no-control-regex
const LIVE = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/;

beforeAll(async () => {
  fleet = await startFleet([
    on('be hostile', [
      bash(
        String.raw`f=$(printf 'a\033]52;c;ZXZpbA==\007b'); echo x > "$f"; git add . && git commit -qm "$(printf 'Add \033]52;c;ZXZpbA==\007 \302\2332J')"; cat "$f"; printf '\033]52;c;ZXZpbA==\007'`,
      ),
      { text: HOSTILE },
    ]),
  ]);
  subagents = await fleet.connect();
  const session = subagents.session('default');
  const verify = [String.raw`printf '\033]52;c;ZXZpbA==\007'; exit 1`];
  await session.spawn(
    { label: 'mallory', task: `be hostile ${HOSTILE}`, verify },
    { cwd: fleet.repository.path },
  );
  outcome = await session.subagent('mallory').result();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const command = (...args: string[]) =>
  run(['--address', fleet.server.address, ...args], {
    home: fleet.home,
    cwd: fleet.repository.path,
    env: { NO_COLOR: '1' },
  });
const COMMANDS = [
  ...[['wait', 'mallory'], ['show', 'mallory'], ['logs', 'mallory'], ['list', '--all'], ['announcements']],
  ...[
    ['diff', 'mallory'],
    ['diff', 'mallory', '--stat'],
    ['merge', 'mallory', '--force'],
  ],
];

it('what is stored is what it said', () => {
  expect(outcome.report).toContain('\u001B]52;c;');
});

it.each(COMMANDS)('terminal: %s %s', async (...args) => {
  const { stdout, stderr } = await command(...args);
  expect(stdout + stderr).not.toMatch(LIVE);
  expect(stdout + stderr).toMatch(/mallory|safe|ZXZpbA|new file/);
});

it.each(COMMANDS.slice(0, -1))('JSON: %s %s', async (...args) => {
  const { stdout, stderr } = await command(...args, '--json');
  expect(stdout + stderr).not.toMatch(LIVE);
  expect(stdout).not.toContain('\u2028');
  const objects = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  expect(objects.length).toBeGreaterThan(0);
});

it('JSON gives back what was said', async () => {
  const { stdout } = await command('wait', 'mallory', '--json');
  expect(JSON.stringify(JSON.parse(stdout))).toContain(JSON.stringify(outcome.report).slice(1, -1));
});

it('logs: no line of the worker’s has them, nor is more than a line', () => {
  const log = readFileSync(fleet.log, 'utf8');
  expect(log).not.toMatch(LIVE);
  expect(log).not.toContain('owned');
});
