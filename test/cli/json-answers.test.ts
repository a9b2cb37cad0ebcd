/** What every command prints with `--json` where it does what it was asked for is what its published JSON Schema says. */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { startScriptedModel, type ScriptedModel } from '../support/model.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { bash, on } from '../support/turns.ts';
import { run, start, type Surroundings } from './command.ts';
import { commandNames, objections } from './published.ts';

/** Of a protocol of its own; and one that shows people something. */
const OTHERS = ['mcp', 'demo'];

/** A command that is run: in this order, each on what those before have left. */
interface Run {
  readonly command: string;
  readonly args?: readonly string[];
  /** The schema, where it is not the one of the command's name. */
  readonly schema?: string;
  /** One object a line; else there is exactly one. */
  readonly lines?: true;
  /** It does not end by itself: after its first object it is asked to. */
  readonly endless?: true;
  /** Default: 0. */
  readonly exitCode?: number;
}

const commits = [
  bash('echo new > new.txt && git add new.txt && git commit -qm "feat: add it"'),
  { text: 'Added.' },
];
const RUNS: readonly Run[] = [
  { command: 'up', args: ['--detach'], schema: 'up-detached' },
  { command: 'spawn', args: ['quick', 'COMMIT', '--wait'] },
  { command: 'spawn', args: ['long', 'LONG'] },
  { command: 'steer', args: ['long', 'faster'] },
  { command: 'list' },
  { command: 'watch', lines: true, endless: true },
  { command: 'status' },
  { command: 'workers' },
  { command: 'worker health' },
  { command: 'approvals' },
  { command: 'show', args: ['long'] },
  { command: 'kill', args: ['long'] },
  { command: 'spawn', args: ['asks', 'ASK'] },
  { command: 'wait', args: ['--next', '--timeout', '100s'], schema: 'wait-next' },
  { command: 'wait', args: ['asks', '--timeout', '1ms'], exitCode: 4 },
  { command: 'answer', args: ['asks', 'red'] },
  { command: 'wait', args: ['asks'] },
  { command: 'show', args: ['quick'] },
  { command: 'logs', args: ['quick'], lines: true },
  { command: 'open', args: ['quick'] },
  { command: 'diff', args: ['quick'] },
  { command: 'continue', args: ['quick', 'SAY more', '--wait'] },
  { command: 'merge', args: ['quick'] },
  { command: 'audit' },
  { command: 'batch', args: ['-r', '.', 'SAY it', '--wait'] },
  { command: 'race', args: ['race', 'SAY it', '--instruction', 'a', '--instruction', 'b', '--wait'] },
  { command: 'chain check', args: ['review'] },
  { command: 'chain run', args: ['review', '--param', 'base=HEAD~1', '--label', 'reviewed', '--wait'] },
  { command: 'chain retry', args: ['reviewed', '--from', 'summary'] },
  { command: 'wait', args: ['reviewed'] },
  { command: 'show', args: ['race'] },
  { command: 'list', args: ['--all'] },
  { command: 'announcements', lines: true },
  { command: 'clean', args: ['--force'] },
  { command: 'policy check', args: ['git push', '--policy', 'careful'], exitCode: 10 },
  { command: 'policy show', args: ['--policy', 'careful'] },
  { command: 'doctor' },
  { command: 'install', args: ['copilot'] },
  { command: 'uninstall', args: ['copilot'] },
  { command: 'completion', args: ['fish'] },
  { command: 'help' },
  { command: '--version', schema: 'version' },
  { command: 'down', args: ['--now'] },
  { command: 'up', lines: true, endless: true },
];
/** In keys.test.ts and e2e/web-ui.test.ts, with the keys that they need. */
const KEYS = ['', ' init', ' rotate', ' backup', ' usage', ' remove', ' require', ' codec'].map(
  (name) => `keys${name}`,
);
/** In store.test.ts, with a store. */
const STORE = ['init', 'status', 'list', 'clean'].map((name) => `store ${name}`);
/** In test/e2e/approvals.test.ts, with calls that wait for them. */
const APPROVALS = ['approve', 'reject'];
/** One that needs a process beside those of the list, and one that needs a worker to be away for long: its failures are in json.test.ts. */
const BESIDE = ['worker', 'worker forget', ...KEYS, ...STORE, ...APPROVALS];

let folder: TemporaryFolder;
let model: ScriptedModel;
let repository: Repository;
beforeAll(async () => {
  folder = await temporaryFolder();
  repository = await temporaryRepository({ 'a.txt': 'a' });
  model = await startScriptedModel([
    on('COMMIT', commits),
    on('LONG', [bash('sleep 300', { initial_wait: 300 }), { text: 'Over.' }]),
    on('ASK', [
      { tools: [{ name: 'ask_parent', arguments: { question: 'Red or blue?', choices: ['red', 'blue'] } }] },
      { text: 'Thank you.' },
    ]),
    { when: () => true, steps: [{ text: 'Said.' }] },
  ]);
});
afterAll(async () => {
  await run(['down', '--now'], surroundings());
  await model?.stop();
  await repository?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

const surroundings = (): Surroundings => ({
  home: join(folder.path, 'home'),
  env: { ...model.env, ...NO_GIT_CONFIGURATION, HOME: folder.path },
  cwd: repository.path,
});

/** Starts a command that does not end by itself, and gives its lines until `isLast`. */
async function untilLine(
  words: readonly string[],
  isLast: (line: string) => boolean,
  within: Surroundings = surroundings(),
) {
  const child = start([...words, '--json'], within);
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  await Promise.race([eventually(() => lines.some(isLast)), child]);
  return { child, lines };
}

/** What a command that does not end by itself has said by its first line, and until it ended as it was asked to then. */
async function begun(words: readonly string[]) {
  const { child, lines } = await untilLine(words, () => true);
  child.kill('SIGINT');
  const { stderr } = await child;
  return { stdout: lines.join('\n'), stderr, exitCode: 0 };
}

it('every command is here', () => {
  const known = new Set([...RUNS.map(({ command }) => command), ...BESIDE, ...OTHERS]);
  expect([...known].filter((name) => name !== 'help' && !name.startsWith('-')).sort()).toEqual(
    commandNames().sort(),
  );
});

describe('with --json prints what its schema says:', () => {
  it.each(RUNS.map((each) => [[each.command, ...(each.args ?? [])].join(' '), each] as const))(
    '%s',
    async (_name, { command, args = [], schema, lines, endless, exitCode = 0 }) => {
      const words = [...command.split(' '), ...args];
      const { stdout, stderr, ...ended } = await (endless
        ? begun(words)
        : run([...words, '--json'], surroundings()));
      expect({ stderr, ...ended }, stdout).toEqual({ stderr: '', exitCode });
      const texts = lines ? stdout.split('\n') : [stdout];
      expect(texts.every((text) => text !== '')).toBe(true);
      for (const text of texts) {
        expect(text).not.toContain('\n');
        expect(objections(schema ?? command.replace(' ', '-'), text), text).toEqual([]);
      }
    },
  );

  it('worker', async () => {
    const up = await run(['up', '--detach', '--json'], surroundings());
    const { address } = JSON.parse(up.stdout) as { address: string };
    const other = { ...surroundings(), home: join(folder.path, 'other') };
    const words = ['worker', '--address', address];
    const { child, lines } = await untilLine(words, (line) => line.includes('worker-ready'), other);
    child.kill('SIGINT');
    await child;
    for (const line of lines) expect(objections('worker', line), line).toEqual([]);
  });
});
