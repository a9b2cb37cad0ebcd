/** Every command answers with `--json` in exactly one JSON value, also where it fails. What needs a server is in main-job.test.ts. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureJson, REPORTS } from '../../src/cli/json.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { temporaryRepository, type Repository } from '../support/repository.ts';
import { run, type Ran } from './command.ts';
import { commandNames, objections } from './published.ts';

/** Arguments of each command with which it does something, or would where something ran. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  spawn: ['a', 'do it'],
  steer: ['a', 'more'],
  continue: ['a', 'more'],
  answer: ['a', 'yes'],
  approve: ['a'],
  reject: ['a'],
  approvals: [],
  kill: ['a'],
  wait: [],
  'chain run': ['review', '--param', 'base=HEAD'],
  'chain check': ['review'],
  'chain retry': ['a'],
  batch: ['-r', '.', 'do it'],
  race: ['a', 'do it', '-m', 'x', '-m', 'y'],
  diff: ['a'],
  merge: ['a'],
  clean: [],
  list: [],
  watch: [],
  workers: [],
  show: ['a'],
  audit: [],
  logs: ['a'],
  announcements: [],
  open: [],
  up: ['--ip', '0.0.0.0'],
  down: [],
  status: [],
  doctor: [],
  worker: [],
  'worker forget': ['w-abcd2345'],
  'worker health': [],
  install: ['copilot'],
  uninstall: ['copilot'],
  completion: ['fish'],
  'policy check': ['ls'],
  'policy show': [],
  keys: [],
  'keys init': [],
  'keys rotate': [],
  'keys backup': [],
  'keys usage': [],
  'keys remove': [`k-${'0'.repeat(16)}`],
  'keys require': [],
  'keys codec': [],
  'store init': [],
  'store status': [],
  'store list': [],
  'store clean': [],
};
/** Of a protocol of its own; and one that runs all of it, whose words are its point. */
const OTHERS = ['mcp', 'demo'];
/** What answers without a server. */
const ALONE = [
  'chain check',
  'down',
  'status',
  'worker health',
  'doctor',
  'install',
  'uninstall',
  'completion',
  'policy check',
  'policy show',
  'keys',
  'keys init',
  'keys rotate',
  'keys backup',
];

let folder: TemporaryFolder;
let repository: Repository;
beforeAll(async () => {
  folder = await temporaryFolder();
  repository = await temporaryRepository({ 'a.txt': 'a' });
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
  await repository[Symbol.asyncDispose]();
});

const subagents = (...args: string[]): Promise<Ran> =>
  run(args, {
    home: join(folder.path, 'home'),
    cwd: repository.path,
    env: { HOME: folder.path, SUBAGENTS_TEMPORAL_PATH: '/nowhere/temporal' },
  });

it('every command is here', () => {
  expect([...Object.keys(COMMANDS), ...OTHERS].sort()).toEqual(commandNames().sort());
  expect(Object.keys(REPORTS)).toEqual(
    expect.arrayContaining(Object.keys(COMMANDS).map((name) => name.replace(' ', '-'))),
  );
});

describe.each(Object.entries(COMMANDS))('%s --json', (name, args) => {
  it('answers in one value where nothing runs', async () => {
    const { exitCode, stdout, stderr } = await subagents(...name.split(' '), ...args, '--json');
    if (ALONE.includes(name)) {
      expect(objections(name.replace(' ', '-'), stdout)).toEqual([]);
      expect(stderr).toBe('');
      return;
    }
    expect({ stdout, failed: exitCode !== 0 }, stderr).toEqual({ stdout: '', failed: true });
    expect(objections('failure', stderr)).toEqual([]);
    const { error } = failureJson.parse(JSON.parse(stderr));
    expect(error.remedy).toBeDefined();
  });

  it('answers in one value to bad usage', async () => {
    const { exitCode, stdout, stderr } = await subagents(...name.split(' '), '--no-such-option', '--json');
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(objections('failure', stderr)).toEqual([]);
    expect(failureJson.parse(JSON.parse(stderr)).error.code).toBe('BAD_INPUT');
  });
});
