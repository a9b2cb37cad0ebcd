/** The examples of the README, run as they stand, on real parts; only the model's answers are scripted. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import type { Scenario } from '../support/model.ts';

const EXAMPLES = new URL('../../docs/examples/', import.meta.url);
const LIBRARY = new URL('../../dist/src/client/index.js', import.meta.url).href;

const bash = (command: string) => [{ name: 'bash', arguments: { command, description: 'a step' } }];
const on = (words: string, steps: Scenario['steps']): Scenario => ({
  when: ({ userMessages }) => userMessages[0]?.includes(words) ?? false,
  steps,
});
const commit = (file: string) => bash(`echo x > ${file} && git add ${file} && git commit -qm 'Add ${file}'`);
const SCENARIOS = [
  on('The test "logs in" fails', [{ tools: commit('fixed.txt') }, { text: 'The cookie was set too late.' }]),
  on('CHANGELOG.md', [
    { tools: [{ name: 'ask_parent', arguments: { question: 'Since which tag?' } }] },
    { tools: commit('CHANGELOG.md') },
    { text: 'The changelog is written.' },
  ]),
  on('LICENCES.md', [{ tools: commit('LICENCES.md') }, { text: 'All licences are listed.' }]),
  on('Review a change for', [{ text: 'Nothing found.' }]),
  on('Sum up the review', [{ text: 'It can be merged.' }]),
  on('Take your time', [
    { text: 'I wait.', tools: bash('sleep 300') },
    { text: 'I was told.', tools: bash('sleep 300') },
  ]),
];

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let fleet: Fleet;
let folder: string;
beforeAll(async () => {
  fleet = await startFleet(SCENARIOS, {
    files: { 'package.json': '{ "scripts": { "test": "test -f fixed.txt" } }' },
    env: { SUBAGENTS_ROOM: '4' },
  });
  folder = await mkdtemp(join(tmpdir(), 'subagents-test-'));
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Runs an example in the repository, as a program of its own; gives what it printed. */
async function run(name: string): Promise<string> {
  const source = await readFile(new URL(`${name}.ts`, EXAMPLES), 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const program = join(folder, `${name}.mjs`);
  await writeFile(program, outputText.replace("'durable-subagents'", JSON.stringify(LIBRARY)));
  const { address, namespace } = fleet.server;
  const env = {
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    SUBAGENTS_HOME: fleet.home,
    HOME: folder,
  };
  const options = {
    cwd: fleet.repository.path,
    env: { PATH: process.env['PATH'], ...env },
    extendEnv: false,
  };
  const { all } = await execa(process.execPath, [program], { ...options, all: true });
  return all;
}

describe('the example', () => {
  it('delegate hands a task over and has its outcome', async () => {
    const printed = await run('delegate');
    expect(printed).toContain('subagent/default/fix-login');
    expect(printed).toContain('done The cookie was set too late.');
    expect(printed).toContain('subagents/fix-login');
    expect(printed).toContain('Add fixed.txt');
  });

  it('announcements hears of a question and of both ends', async () => {
    const lines = (await run('announcements')).split('\n');
    expect(lines.toSorted()).toEqual([
      'changelog completed: The changelog is written.',
      'changelog question: Since which tag?',
      'licences completed: All licences are listed.',
    ]);
    await using subagents = await fleet.connect();
    expect(await subagents.session('release-1.4').peek()).toEqual([]);
  });

  it('supervise looks, steers, reads along and kills', async () => {
    await using subagents = await fleet.connect();
    const session = subagents.session();
    const { path: cwd } = fleet.repository;
    await session.spawn({ label: 'fix-login', task: 'Take your time.' }, { cwd });
    await eventually(async () => {
      return (await session.subagent('fix-login').describe()).doing === 'bash: sleep 300';
    });
    const printed = await run('supervise');
    expect(printed).toMatch(/^working since .*: bash: sleep 300, \d+ tokens$/m);
    expect(printed).toContain('mid-turn, while it was at: bash: sleep 300');
    expect(printed).toContain('message I wait.');
    expect(printed).toMatch(process.platform === 'linux' ? / found, 0 left \(proven\)$/ : / found, 0 left/);
  });

  it('review prints the summary of the analysts', async () => {
    const { repository } = fleet;
    await repository.git('checkout', '-qb', 'fix-login');
    await repository.commit('Mend the login', { 'login.txt': 'mended\n' });
    await repository.git('checkout', '-q', 'main');
    expect(await run('review')).toBe('It can be merged.');
  });

  it('errors shows the code', async () => {
    expect(await run('errors')).toMatch(/^NOT_A_REPOSITORY /);
  });
});
