/** Going on with subagents that have ended: the same conversation, branch and worktree, as a new run. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SpawnSpec, SubagentHandle, Subagents, SubagentsError } from '../../src/client/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';
import { inItsShell, processesWith, temporal } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;

const add = (file: string) => bash(`echo ${file} > ${file} && git add . && git commit -qm "Add ${file}"`);

beforeAll(async () => {
  fleet = await startFleet(
    [
      on('You continue the work', [add('anew'), { text: 'Went on from the note.' }]),
      on('begin', [
        add('first'),
        { text: 'The first is there.' },
        add('second'),
        { text: 'The second is there.' },
        add('third'),
        { text: 'The third is there.' },
      ]),
      on('break', [
        { text: 'It will do.' },
        { text: 'It will do.' },
        { text: 'It will do.' },
        add('wanted'),
        { text: 'Now it does.' },
      ]),
      on('linger', [bash('echo half > half && sleep 4567'), add('whole'), { text: 'Finished after all.' }]),
      on('crash', [{ text: 'Ready.' }, bash('echo at work > at-work && sleep 4568'), { text: 'Survived.' }]),
      on('wonder', [
        { tools: [{ name: 'ask_parent', arguments: { question: 'Which way?' } }] },
        add('own-way'),
        { text: 'Went my own way.' },
      ]),
      on('place', [add('placed'), { text: 'Placed.' }, add('again'), { text: 'Placed again.' }]),
    ],
    { env: { SUBAGENTS_SLOTS: '4' } },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

/** Spawns in a session of its own. */
async function spawn(label: string, spec: Omit<SpawnSpec, 'label'>): Promise<SubagentHandle> {
  await subagents.session(label).spawn({ ...spec, label }, { cwd: fleet.repository.path });
  return subagents.session(label).subagent(label);
}
const texts = async (subagent: SubagentHandle): Promise<string[]> => {
  const said = [];
  for await (const { kind, text } of subagent.transcript())
    if (kind === 'task' || kind === 'message') said.push(text);
  return said;
};

describe('continue', () => {
  it('goes on in the same conversation, branch and worktree, twice', async () => {
    const subagent = await spawn('grower', { task: 'begin', verify: ['test -f first'] });
    const one = await subagent.result();
    await expect(subagent.steer('more')).rejects.toMatchObject({
      code: 'ALREADY_ENDED',
      remedy: expect.stringContaining('subagents continue grower') as string,
    });

    const accepted = await subagent.continue('Now the second.');
    expect(accepted).toMatchObject({ label: 'grower', run: 2, workflowId: 'subagent/grower/grower' });
    const two = await subagent.result();
    expect(two).toMatchObject({ status: 'done', run: 2, turns: 1, report: 'The second is there.' });
    expect(two.evidence).toMatchObject({
      cwd: one.evidence?.cwd,
      branch: 'subagents/grower',
      base: fleet.repository.first,
      commitCount: 2,
    });
    expect(two.verifications).toMatchObject([{ command: 'test -f first', exitCode: 0 }]);
    // What was used before is not counted again.
    expect(two.usage).toMatchObject({ modelRequests: 2, toolCalls: 1 });
    expect(fleet.model.timesSaid('Now the second.')).toBe(1);

    await subagent.continue('And the third.', { verify: ['test -f third'] });
    const three = await subagent.result();
    expect(three).toMatchObject({ status: 'done', run: 3, report: 'The third is there.' });
    expect(three.evidence?.commits.map(({ subject }) => subject)).toEqual([
      'Add third',
      'Add second',
      'Add first',
    ]);
    expect(three.verifications.map(({ command }) => command)).toEqual(['test -f third']);

    const session = subagents.session('grower');
    expect(await session.subagent('grower@1').result()).toEqual(one);
    expect(await session.subagent('grower@2').result()).toEqual(two);
    expect(await texts(session.subagent('grower@1'))).toEqual(['begin', 'The first is there.']);
    expect(await texts(session.subagent('grower@2'))).toEqual(['Now the second.', 'The second is there.']);
    expect(await texts(session.subagent('grower'))).toEqual(['And the third.', 'The third is there.']);
    const listed = await session.list();
    expect(listed.finished.map(({ run }) => run)).toEqual([3, 2, 1]);
    await expect(session.subagent('grower@1').continue('x')).rejects.toMatchObject({
      code: 'BAD_INPUT',
      remedy: 'continue grower@3',
    });
  });

  it('goes on after a verification that failed', async () => {
    const subagent = await spawn('broken', { task: 'break', verify: ['test -f wanted'] });
    expect(await subagent.result()).toMatchObject({ status: 'failed', failure: { class: 'verification' } });
    await subagent.continue('Make the file called wanted.');
    expect(await subagent.result()).toMatchObject({ status: 'done', run: 2, repairs: 0, turns: 1 });
  });

  it('goes on after a kill; while it is live it is to be steered instead', async () => {
    const subagent = await spawn('lingerer', { task: 'linger' });
    await inItsShell(subagents, 'lingerer', 'lingerer');
    await expect(subagent.continue('x')).rejects.toMatchObject({
      code: 'LABEL_LIVE',
      remedy: expect.stringContaining('steer it instead') as string,
    });
    await subagent.kill();
    await subagent.continue('Finish it.');
    const outcome = await subagent.result();
    expect(outcome).toMatchObject({ status: 'done', run: 2, report: 'Finished after all.' });
    expect(outcome.evidence?.filesChanged.toSorted()).toEqual(['half', 'whole']);
    expect(outcome.notes).toEqual([]);
  });

  it('goes on where it was killed while it waited for an answer', async () => {
    const subagent = await spawn('wonderer', { task: 'wonder' });
    await eventually(async () => (await subagent.describe()).questions.length > 0);
    await subagent.kill();
    await subagent.continue('Do not ask.');
    expect(await subagent.result()).toMatchObject({ status: 'done', run: 2, report: 'Went my own way.' });
  });

  it('survives the death of its worker in a continued turn: one prompt, and steers as ever', async () => {
    const subagent = await spawn('crasher', { task: 'crash' });
    await subagent.result();
    await subagent.continue('Now sleep.');
    await inItsShell(subagents, 'crasher', 'crasher');
    expect(await subagent.steer('A word.', { id: 'word' })).toMatchObject({ delivery: 'mid-turn' });
    await fleet.worker.kill();
    await fleet.startWorker();
    const outcome = await subagent.result();
    expect(outcome).toMatchObject({ status: 'done', run: 2, report: 'Survived.' });
    expect(fleet.model.timesSaid('Now sleep.')).toBe(1);
    expect(fleet.model.timesSaid('A word.')).toBe(1);
    expect(processesWith('sleep 4568')).toEqual([]);
  });

  it('takes the checkout again in place', async () => {
    const subagent = await spawn('placer', { task: 'place', isolation: 'in-place' });
    const one = await subagent.result();
    await subagent.continue('Again.');
    const outcome = await subagent.result();
    expect(outcome).toMatchObject({ status: 'done', run: 2, report: 'Placed again.' });
    expect(outcome.evidence).toMatchObject({ base: one.evidence?.base, branch: 'main', commitCount: 2 });
  });

  describe('with parts of it gone', () => {
    it('makes the worktree again from the branch', async () => {
      const subagent = await spawn('houseless', { task: 'begin' });
      const { evidence } = await subagent.result();
      await fleet.repository.git('worktree', 'remove', '--force', evidence?.cwd ?? '');
      rmSync(`${evidence?.cwd}.json`);
      await subagent.continue('Now the second.');
      const outcome = await subagent.result();
      expect(outcome).toMatchObject({
        status: 'done',
        run: 2,
        evidence: { commitCount: 2, cwd: evidence?.cwd },
      });
      expect(outcome.notes).toContainEqual(expect.stringContaining('made again from subagents/houseless'));
    });

    it('begins a new conversation with a note of the run before', async () => {
      const subagent = await spawn('forgetful', { task: 'begin' });
      await subagent.result();
      const { copilotSessionId } = await subagent.describe();
      rmSync(join(fleet.home, 'copilot/session-state', copilotSessionId ?? ''), { recursive: true });
      await subagent.continue('Go on.');
      const outcome = await subagent.result();
      expect(outcome).toMatchObject({ status: 'done', run: 2, report: 'Went on from the note.' });
      expect(outcome.evidence).toMatchObject({ branch: 'subagents/forgetful', commitCount: 2 });
      expect(outcome.notes).toContainEqual(expect.stringContaining('conversation of forgetful@1 is gone'));
      const said = fleet.model.requests.findLast(({ conversation }) =>
        conversation?.text.includes('You continue the work'),
      )?.conversation?.userMessages[0];
      expect(said).toContain('The first is there.');
      expect(said).toContain('Go on.');
    });

    it('refuses where the branch is gone, or checked out elsewhere', async () => {
      const subagent = await spawn('branchless', { task: 'begin' });
      const { evidence } = await subagent.result();
      const { git } = fleet.repository;
      await git('worktree', 'remove', '--force', evidence?.cwd ?? '');
      await git('checkout', '-q', 'subagents/branchless');
      await expect(subagent.continue('Go on.')).rejects.toMatchObject({ code: 'CHECKOUT_BUSY' });
      await git('checkout', '-q', 'main');
      await git('branch', '-qD', 'subagents/branchless');
      await expect(subagent.continue('Go on.')).rejects.toMatchObject({
        code: 'BRANCH_GONE',
        message: expect.stringContaining('subagents/branchless') as string,
      });
      expect(existsSync(evidence?.cwd ?? '')).toBe(false);
      expect((await subagent.describe()).run).toBe(1);
    });

    it('goes on with one that was terminated', async () => {
      const subagent = await spawn('terminated', { task: 'linger' });
      await inItsShell(subagents, 'terminated', 'terminated');
      await temporal(fleet, 'workflow', 'terminate', '-w', 'subagent/terminated/terminated');
      await eventually(async () => (await subagents.session('terminated').list()).live.length === 0);
      await subagent.continue('Finish it.');
      expect(await subagent.result()).toMatchObject({ status: 'done', run: 2 });
    });

    it('waits for its own worker, and says so', async () => {
      const subagent = await spawn('homesick', { task: 'begin' });
      await subagent.result();
      const { workerId } = fleet.worker;
      await fleet.worker.stop();
      const other = await fleet.startWorker(`${fleet.home}-other`);
      try {
        // The server remembers a worker for a while: until it has forgotten it, the run is accepted and waits.
        const said = await subagent.continue('Now the second.').then(
          () => subagent.describe().then(({ doing }) => doing),
          (error: unknown) => `${(error as SubagentsError).code}: ${String(error)}`,
        );
        expect(said).toMatch(/waits for a slot on worker|^NO_WORKER/);
        expect(said).toContain(workerId);
      } finally {
        await other.stop();
        await fleet.startWorker();
      }
      if ((await subagent.describe()).run === 1) await subagent.continue('Now the second.');
      expect(await subagent.result()).toMatchObject({
        status: 'done',
        run: 2,
        report: 'The second is there.',
      });
    });
  });
});
