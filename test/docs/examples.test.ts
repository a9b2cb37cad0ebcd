/** The examples of the pages and those of `examples/`, run as they stand, on real parts; only the model's answers are scripted. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAIN } from '../cli/command.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import type { Scenario } from '../support/model.ts';
import { temporaryRepository } from '../support/repository.ts';

const PIECES = new URL('../../docs/examples/', import.meta.url);
const PROGRAMS = new URL('../../examples/', import.meta.url);
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
  on('everywhere', [{ tools: commit('LICENCE') }, { text: 'There is one now.' }]),
  on('Look at time first', [{ tools: commit('fixed.txt') }, { text: 'It was the clock.' }]),
  on('Look at shared state first', [{ tools: bash('sleep 300') }]),
  on('release notes', [
    { tools: [{ name: 'ask_parent', arguments: { question: 'Since which release?' } }] },
    { tools: commit('NOTES.md') },
    { text: 'The notes are written.' },
  ]),
  on('Which files have to change', [{ text: '{ "files": ["a.ts", "b.ts"] }' }]),
  on('Change ', [{ tools: commit('fixed.txt') }, { text: 'Commented.' }]),
  on('Sum up what was done', [{ text: 'All is commented.' }]),
  on('in CI', [{ tools: commit('fixed.txt') }, { text: 'Mended.' }]),
  on('Take your time', [
    { text: 'I wait.', tools: bash('sleep 300') },
    { text: 'I was told.', tools: bash('sleep 300') },
  ]),
];

let fleet: Fleet;
let folder: string;
beforeAll(async () => {
  fleet = await startFleet(SCENARIOS, {
    files: { 'package.json': '{ "scripts": { "test": "test -f fixed.txt" } }' },
    env: { SUBAGENTS_SLOTS: '4' },
  });
  folder = await mkdtemp(join(tmpdir(), 'subagents-test-'));
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Runs an example in the repository, as a program of its own; gives what it printed. */
async function run(name: string, args: readonly string[] = [], folderOf = PIECES): Promise<string> {
  const source = await readFile(new URL(`${name}.ts`, folderOf), 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const program = join(folder, `${name}.mjs`);
  await writeFile(program, outputText.replace("'durable-subagents'", JSON.stringify(LIBRARY)));
  return (await execa(process.execPath, [program, ...args], inRepository())).all;
}

const inRepository = () => ({
  cwd: fleet.repository.path,
  env: {
    PATH: `${folder}:${process.env['PATH']}`,
    TEMPORAL_ADDRESS: fleet.server.address,
    TEMPORAL_NAMESPACE: fleet.server.namespace,
    SUBAGENTS_HOME: fleet.home,
    HOME: folder,
  },
  extendEnv: false,
  all: true as const,
});

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
    expect(printed).toContain('mid-turn, while it was running: bash: sleep 300');
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

describe.concurrent('the program', () => {
  const program = (name: string, ...args: string[]): Promise<string> => run(name, args, PROGRAMS);

  it('batch has the same done in two repositories', async ({ expect }) => {
    await using other = await temporaryRepository(undefined, { name: 'mailer' });
    const printed = await program(
      'batch',
      'Add a licence everywhere.',
      'true',
      fleet.repository.path,
      other.path,
    );
    expect(printed.split('\n').toSorted()).toEqual([
      expect.stringMatching(/^mailer: done, branch subagents\/batch\.mailer: .*There is one now/),
      expect.stringMatching(/^project: done, branch subagents\/batch\.project: .*There is one now/),
    ]);
  });

  it('race merges the work of the first', async ({ expect }) => {
    const printed = await program('race', 'The login test is flaky.', 'test -f fixed.txt');
    expect(printed).toMatch(/^race\.racer-1 won: merged into main \(/);
    expect(await fleet.repository.git('ls-tree', '--name-only', 'HEAD')).toContain('fixed.txt');
  });

  it('questions answers what it knows', async ({ expect }) => {
    const lines = (await program('questions', 'notes', 'Write release notes, and commit.')).split('\n');
    expect(lines).toEqual([
      'asked: Since which release? - Since the newest tag that begins with "v".',
      'notes completed: The notes are written.',
    ]);
  });

  it('chain plans, does, and sums up', async ({ expect }) => {
    const printed = await program('chain', 'Every function has a comment.', 'test -f fixed.txt');
    const names = printed.split('\n').map((line) => line.split(':').slice(0, 2).join(':'));
    expect(names).toEqual(['plan: done', 'do-0: done', 'do-1: done', 'review: done']);
  });

  it('of a CI job starts one subagent, also when it is run again', async ({ expect }) => {
    await writeFile(join(folder, 'subagents'), `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`, {
      mode: 0o755,
    });
    const job = fileURLToPath(new URL('ci/job.sh', PROGRAMS));
    const options = inRepository();
    const task = { TASK: 'Mend it in CI.', VERIFY: 'test -f fixed.txt', LABEL: 'ci-1', REQUEST_ID: 'ci-1' };
    for (let times = 0; times < 2; times++) {
      const { all, exitCode } = await execa('bash', [job], { ...options, env: { ...options.env, ...task } });
      expect(exitCode).toBe(0);
      expect(all).toContain('done: review the branch subagents/ci-1');
    }
    await using subagents = await fleet.connect();
    expect((await subagents.session().list()).finished.filter(({ label }) => label === 'ci-1')).toHaveLength(
      1,
    );
  });
});
