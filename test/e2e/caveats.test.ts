/** Done, but: an outcome with caveats on its way to everybody who hears of it, and what is refused because of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listJson, mergeJson, showJson, waitJson, waitNextJson } from '../../src/cli/json.ts';
import type { Subagents } from '../../src/client/index.ts';
import { run, type Ran } from '../cli/command.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';

const MERGES = [
  'theirs=theirs-$$ && git switch -qc $theirs && echo theirs > README.md && git commit -qam Theirs',
  'git switch -q - && echo ours > README.md && git commit -qam Ours',
  '{ git merge -q $theirs || true; }',
].join(' && ');

let fleet: Fleet;
let subagents: Subagents;
beforeAll(async () => {
  fleet = await startFleet(
    [
      on('TELL OF IT', [{ text: 'Told.' }]),
      on('MERGE THEM', [bash(MERGES), { text: 'All merged, all is well.' }]),
      on('STASH IT', [bash('echo draft > README.md && git stash -q'), { text: 'Put aside.' }]),
      on('SAY NOTHING', [bash('true'), { text: '' }]),
      {
        when: ({ userMessages }) => userMessages[0]?.includes('RACE') ?? false,
        steps: ({ userMessages, answers }) =>
          userMessages[0]?.includes('in a hurry')
            ? answers === 0
              ? bash(MERGES)
              : { text: 'Fast.' }
            : answers === 0
              ? bash('sleep 3; echo slow > slow.txt && git add . && git commit -qm Slow')
              : { text: 'Slow, and whole.' },
      },
    ],
    { env: { SUBAGENTS_SLOTS: '8' } },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const command = (...args: string[]): Promise<Ran> =>
  run(['--address', fleet.server.address, ...args], { home: fleet.home, cwd: fleet.repository.path });
const BUT = 'a merge was left unfinished, with conflicts in README.md';

describe('one that is done with a blocking caveat', () => {
  it('is so for everybody who hears of it, and is merged by force alone', async () => {
    const session = subagents.session('blocked');
    await session.spawn({ label: 'both', task: 'MERGE THEM' }, { cwd: fleet.repository.path });
    const options = ['--session', 'blocked'];

    const waited = await command(...options, 'wait', 'both');
    expect(waited.exitCode).toBe(9);
    expect(waited.stdout).toMatch(/^done, but blocked\/both {2}All merged, all is well\./);
    expect(waited.stdout).toContain(`  but: ${BUT}`);
    expect(waited.stdout).toContain('but: conflict markers are in README.md:1');
    expect(waited.stdout).toContain('subagents merge blocked/both --force');

    const next = await command(...options, 'wait', '--next', '--json');
    expect(next.exitCode).toBe(9);
    const { announcement } = waitNextJson.parse(JSON.parse(next.stdout));
    expect(announcement).toMatchObject({ kind: 'completed', status: 'done', caveats: ['unfinished'] });
    expect(announcement?.summary).toContain(`done, but: ${BUT}; conflict markers are in README.md:1. All`);

    const json = async (...args: string[]): Promise<unknown> =>
      JSON.parse((await command(...options, ...args, '--json')).stdout);
    const both = { grade: 'blocking', kind: 'unfinished' };
    expect(waitJson.parse(await json('wait', 'both')).ended[0]?.outcome?.caveats).toMatchObject([both, both]);
    expect(showJson.parse(await json('show', 'both')).subagent.outcome?.caveats).toMatchObject([both, both]);
    expect(listJson.parse(await json('list')).subagents[0]).toMatchObject({ caveats: ['unfinished'] });
    expect((await command(...options, 'list')).stdout).toMatch(
      /both +done, but +\[but: a merge or rebase was left unfinished\] All merged/,
    );
    expect((await command(...options, 'show', 'both')).stdout).toContain(`Done, but\n  but: ${BUT}`);

    const before = await fleet.repository.git('rev-parse', 'main');
    const refused = await command(...options, 'merge', 'both');
    expect(refused.exitCode).toBe(9);
    expect(refused.stderr).toContain(`both@1 is done, but: ${BUT}; conflict markers are in README.md:1`);
    expect(refused.stderr).toContain('--force');
    await expect(session.subagent('both').merge()).rejects.toMatchObject({ code: 'CAVEATS' });
    expect(await fleet.repository.git('rev-parse', 'main')).toBe(before);
    const forced = await command(...options, 'merge', 'both', '--force', '--json');
    expect(mergeJson.parse(JSON.parse(forced.stdout)).how).toBe('fast-forward');
    await fleet.repository.git('reset', '--hard', '--quiet', before);

    // It is over: its worktree is anybody's to remove.
    const { evidence } = await session.subagent('both').result();
    await fleet.repository.git('worktree', 'remove', '--force', evidence?.cwd ?? '');
  });

  it.concurrent('loses a race against one that is whole', async () => {
    const args = ['--session', 'racing', 'race', 'win', 'RACE', '--instruction', 'You are in a hurry.'];
    const ended = await command(...args, '--instruction', 'Take your time.', '--wait');
    expect(ended.stdout + ended.stderr).toMatch(
      /done racing\/win {2}racer-2 was the first to be done without a blocking caveat: Slow/,
    );
    expect(ended.exitCode).toBe(0);
    const outcome = await subagents.session('racing').subagent('win').result();
    expect(outcome).toMatchObject({ status: 'done', report: 'Slow, and whole.', caveats: [] });
    expect(outcome.steps).toMatchObject([
      { id: 'racer-1', status: 'done', caveats: ['unfinished'] },
      { id: 'racer-2', status: 'done' },
    ]);
  });

  it.concurrent('lets a chain go on, which can quote it, and is one of the whole', async () => {
    const session = subagents.session('chained');
    await session.chain({
      label: 'work',
      steps: [
        { id: 'merge', task: 'MERGE THEM', repo: fleet.repository.path },
        { id: 'tell', task: 'TELL OF IT: {{merge.caveats}}', repo: fleet.repository.path },
      ],
    });
    const outcome = await session.subagent('work').result();
    expect(outcome).toMatchObject({ status: 'done', report: 'Told.' });
    expect(outcome.caveats[0]).toMatchObject({ grade: 'blocking', text: `work.merge: ${BUT}` });
    const task = fleet.model.requests
      .flatMap(({ conversation }) => conversation?.userMessages ?? [])
      .find((text) => text.includes('TELL OF IT'));
    expect(task).toContain(`| blocking, unfinished: ${BUT}`);
    expect((await command('--session', 'chained', 'wait', 'work')).exitCode).toBe(9);
  });
});

it('one with caveats that are only told is done', async () => {
  const session = subagents.session('told');
  const cwd = fleet.repository.path;
  await session.spawn(
    [
      { label: 'stash', task: 'STASH IT' },
      { label: 'silent', task: 'SAY NOTHING' },
    ],
    { cwd },
  );
  const waited = await command('--session', 'told', 'wait', 'stash', 'silent');
  expect(waited.exitCode).toBe(0);
  expect(waited.stdout).toMatch(/^done told\/stash/m);
  expect(waited.stdout).toContain('  note: work was left in the stash of the repository: stash@{0}');
  expect(waited.stdout).toContain('  note: its last message is empty, and it made no commit');
  expect((await command('--session', 'told', 'merge', 'stash')).exitCode).toBe(0);
});
