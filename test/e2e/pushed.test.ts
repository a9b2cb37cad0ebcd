/** What is done with a blocking caveat is not pushed without force: by a spawn, by one that goes on, by a step of a chain. */
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { run, type Ran } from '../cli/command.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';

const MERGES =
  'git switch -qc theirs-$$ && echo theirs > README.md && git commit -qam Theirs; git switch -q - && echo ours > README.md && git commit -qam Ours; git merge -q theirs-$$ || true';

let fleet: Fleet;
let subagents: Subagents;
beforeAll(async () => {
  fleet = await startFleet(
    [
      on('MERGE THEM', [bash(MERGES), { text: 'All merged.' }]),
      on('ADD ONE', [bash('echo 1 > one.txt && git add . && git commit -qm One'), { text: 'Added.' }]),
      on('BEGIN WITH ONE', [
        bash('echo 1 > one.txt && git add . && git commit -qm One'),
        { text: 'Begun.' },
        ...[
          bash(MERGES),
          { text: 'All merged.' },
          bash(MERGES.replaceAll('$$', 'again-$$')),
          { text: 'All merged.' },
        ],
      ]),
      on('TELL OF IT', [{ text: 'Told.' }]),
    ],
    { env: { SUBAGENTS_SLOTS: '8' } },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

/** A bare repository beside that of the fleet. */
async function remote(name: string) {
  const path = join(dirname(fleet.repository.path), `${name}.git`);
  await fleet.repository.git('clone', '--quiet', '--bare', '--single-branch', fleet.repository.path, path);
  const git = fleet.repository.in(path);
  return {
    url: `file://${path}`,
    branches: async () =>
      (await git('for-each-ref', '--format=%(refname:short)', 'refs/heads/subagents/'))
        .split('\n')
        .filter(Boolean),
    tip: (branch: string) => git('rev-parse', branch),
  };
}
const command = (...args: string[]): Promise<Ran> =>
  run(['--address', fleet.server.address, ...args], { home: fleet.home, cwd: fleet.repository.path });
const refused = 'not pushed without force: a merge was left unfinished';

it('a spawn with a blocking caveat is pushed by force alone', async () => {
  const { url, branches, tip } = await remote('spawned');
  const at = ['--session', 'spawned'];
  const held = await command(...at, 'spawn', 'held', 'MERGE THEM', '--repo', url, '--push', '--wait');
  expect(held.exitCode).toBe(9);
  expect(held.stdout).toContain(refused);
  expect(await branches()).toEqual([]);
  const forced = await command(
    ...at,
    'spawn',
    'forced',
    'MERGE THEM',
    '--repo',
    url,
    '--push',
    '--force',
    '--wait',
  );
  expect(forced.exitCode).toBe(9);
  const { evidence, push } = await subagents.session('spawned').subagent('forced').result();
  expect(push).toMatchObject({ ref: 'refs/heads/subagents/forced', commit: evidence?.head });
  expect(await branches()).toEqual(['subagents/forced']);
  expect(await tip('subagents/forced')).toBe(evidence?.head);
});

it('one that goes on is held to the same, and takes --push and --force itself', async () => {
  const { url, branches, tip } = await remote('continued');
  const session = subagents.session('continued');
  const at = ['--session', 'continued'];
  await session.spawn({ label: 'on', task: 'BEGIN WITH ONE', repo: url });
  expect(await session.subagent('on').result()).toMatchObject({ status: 'done', caveats: [] });
  expect(await branches()).toEqual([]);

  const held = await command(...at, 'continue', 'on', 'MERGE THEM', '--push', '--wait');
  expect(held.exitCode).toBe(9);
  expect(held.stdout).toContain(refused);
  expect(held.stdout).toContain('to push it anyway: subagents continue continued/on "<task>" --force');
  expect(await branches()).toEqual([]);

  const forced = await command(...at, 'continue', 'on', 'MERGE THEM', '--force', '--wait', '--json');
  expect(forced.exitCode).toBe(9);
  const { evidence, push } = await session.subagent('on').result();
  expect(push?.commit).toBe(evidence?.head);
  expect(await tip('subagents/on')).toBe(evidence?.head);
});

it('--push of one that goes on is for a repository named by URL, and --force for --push', async () => {
  const session = subagents.session('paths');
  await session.spawn({ label: 'path', task: 'TELL OF IT' }, { cwd: fleet.repository.path });
  await session.subagent('path').result();
  const refusal = async (...flags: string[]) =>
    (await command('--session', 'paths', 'continue', 'path', 'TELL OF IT', ...flags)).stderr;
  expect(await refusal('--push')).toContain('push only works for a repository that is named by URL');
  expect(await refusal('--force')).toContain('force only applies to push');
});

it('steps of a chain that push are held to it each, and the chain goes on', async () => {
  const { url, branches } = await remote('chained');
  const session = subagents.session('chained');
  await session.chain({
    label: 'work',
    steps: [
      { id: 'merge', task: 'MERGE THEM', repo: url, push: true },
      { id: 'forced', task: 'MERGE THEM', repo: url, push: true, force: true },
      { id: 'add', task: 'ADD ONE', repo: url, push: true },
    ],
  });
  const outcome = await session.subagent('work').result();
  expect(outcome.status).toBe('done');
  expect((await session.subagent('work.merge').result()).push?.problem).toContain(refused);
  expect((await session.subagent('work.forced').result()).push?.problem).toBeUndefined();
  expect(await branches()).toEqual(['subagents/work.add', 'subagents/work.forced']);
  expect((await command('--session', 'chained', 'wait', 'work')).exitCode).toBe(9);
});
