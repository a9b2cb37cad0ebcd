/** The same fact on every face that should tell it: the command line, the library, MCP. */
import { access, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { failureJson, listJson, spawnJson } from '../../src/cli/json.ts';
import type { Subagents } from '../../src/client/index.ts';
import { run, type Ran } from '../cli/command.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { startMcp, type McpPeer } from '../support/mcp.ts';
import { malformed } from '../support/model.ts';
import { temporaryRepository } from '../support/repository.ts';
import { bash, on } from '../support/turns.ts';
import { withClient } from '../support/world.ts';

/** Something else each time: what others did may have been merged. */
const COMMIT = 'echo work $RANDOM$RANDOM >> work.txt && git add work.txt && git commit -qm Work';
const asks = (question: string) => ({ name: 'ask_parent', arguments: { question } });

let fleet: Fleet;
let subagents: Subagents;
beforeAll(async () => {
  fleet = await startFleet(
    [
      on('NEST', [bash(`${COMMIT} && git init -q app && echo x > app/src.js`), { text: 'Made it.' }]),
      on('BUILD', [
        bash(
          `${COMMIT} && echo built > built.log && echo '*.log' > .gitignore && git add . && git commit -qm B`,
        ),
        { text: 'Built.' },
      ]),
      on('WORK', [bash(COMMIT), { text: 'Worked.' }]),
      on('SIT', [bash('sleep 541'), { text: 'Sat.' }]),
      on('ASK', [{ tools: [asks('Delete the old data?'), asks('Push to production?')] }, { text: 'Asked.' }]),
      on('CUT OFF', () => malformed),
    ],
    { env: { SUBAGENTS_SLOTS: '8' } },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const cwd = () => ({ cwd: fleet.repository.path });
const command = (...args: string[]): Promise<Ran> =>
  run(['--address', fleet.server.address, ...args], { home: fleet.home, ...cwd() });
const mainAgent = (session: string): Promise<McpPeer> =>
  startMcp({
    ...cwd(),
    env: {
      HOME: fleet.target.env?.['HOME'] ?? '',
      SUBAGENTS_HOME: fleet.home,
      TEMPORAL_ADDRESS: fleet.server.address,
    },
    args: ['--session', session],
  });

describe.concurrent('what is verified', () => {
  it('goes back as a turn that names what is unsaved, and fails with it put aside', async () => {
    const session = subagents.session('nested');
    const spawned = await session.spawn(
      { label: 'nest', task: 'NEST', verify: ['test -f app/src.js'] },
      cwd(),
    );
    const outcome = await spawned.result();
    expect(outcome.status).toBe('failed');
    expect(outcome.verifications).toMatchObject([{ command: 'test -f app/src.js', exitCode: 1 }]);
    const told = fleet.model.requests
      .flatMap(({ conversation }) => conversation?.userMessages ?? [])
      .find((message) => message.includes('app/') && message.includes('no commit'));
    expect(told).toContain('app/');
    // The work itself is where it was.
    expect(await readFile(join(outcome.evidence?.cwd ?? '', 'app/src.js'), 'utf8')).toBe('x\n');
  });

  it('is a fresh checkout, with --verify-fresh', async () => {
    const verify = ['--verify', 'test -f work.txt && test ! -e built.log'];
    const spawn = async (label: string, ...options: string[]): Promise<Ran> =>
      command('-s', 'fresh', 'spawn', label, 'BUILD', ...verify, '--wait', ...options);
    const [own, fresh] = await Promise.all([spawn('own'), spawn('fresh', '--verify-fresh')]);
    expect([own.exitCode, fresh.exitCode]).toEqual([1, 0]);
    expect(fresh.stdout).toMatch(/^done fresh\/fresh/m);
    const inPlace = await command('spawn', 'x', 'BUILD', '--verify-fresh', '--in-place');
    expect(inPlace.exitCode).toBe(2);
    expect(inPlace.stderr).toContain('verifyFresh is for a worktree');
  });
});

it('a change that index bits hide is no more cleaned than another, though it came after the end', async () => {
  const spawned = await subagents.session('hidden').spawn({ label: 'hide', task: 'WORK' }, cwd());
  const { evidence } = await spawned.result();
  const worktree = evidence?.cwd ?? '';
  await spawned.merge();
  for (const bit of ['--assume-unchanged', '--skip-worktree']) {
    await execa('git', ['update-index', bit, 'work.txt'], { cwd: worktree });
    await writeFile(join(worktree, 'work.txt'), 'the only copy\n');
    const cleaned = await command('-s', 'hidden', 'clean', 'hide');
    expect(cleaned.stdout + cleaned.stderr).toContain('work.txt');
    expect(await readFile(join(worktree, 'work.txt'), 'utf8')).toBe('the only copy\n');
  }
});

describe.concurrent('a caveat', () => {
  it('is told by every action of MCP that tells of an end', async () => {
    await using agent = await mainAgent('but');
    await agent.call('sessions_spawn', { label: 'nest', task: 'NEST' });
    const waited = await agent.call('subagents', { action: 'wait', target: 'nest' });
    const but = 'but: its worktree has work that is in no commit: app/';
    expect(waited.text).toContain(but);
    expect((await agent.call('subagents', { action: 'show', target: 'nest' })).text).toContain(but);
    const listed = await agent.call('subagents', { action: 'list' });
    expect(listed.structured['subagents']).toMatchObject([
      { label: 'nest', caveats: [{ grade: 'blocking', kind: 'unsaved-work' }] },
    ]);
    expect(listed.text).toMatch(/nest@1: .*but/);
  });
});

describe.concurrent('a subagent that stands still', () => {
  it('says for what in MCP, too', async () => {
    await using agent = await mainAgent('still');
    await agent.call('sessions_spawn', { label: 'poor', task: 'CUT OFF' });
    const stalled = { reason: 'model' };
    await eventually(async () => {
      const { structured } = await agent.call('subagents', { action: 'list' });
      const [row] = structured['subagents'] as { stalled?: { reason: string } }[];
      return row?.stalled?.reason === stalled.reason;
    });
    const shown = await agent.call('subagents', { action: 'show', target: 'poor' });
    expect(shown.structured['subagents']).toMatchObject([{ label: 'poor', stalled }]);
    expect((await command('-s', 'still', 'list', '--status', 'done')).stdout).not.toContain('poor');
    const waiting = await command('-s', 'still', 'list', '--status', 'waiting,working', '--json');
    expect(listJson.parse(JSON.parse(waiting.stdout)).subagents).toMatchObject([{ label: 'poor' }]);
    await agent.call('subagents', { action: 'kill', target: 'all' });
  });

  it('is listed by statuses that there are', async () => {
    const refused = await command('list', '--status', 'sleeping');
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain('"sleeping" is not a status');
  });
});

describe.concurrent('a spawn that is made again', () => {
  it('while the first is live is that one, by its spec or by the id of its request', async () => {
    const spawn = (...options: string[]): Promise<Ran> =>
      command('-s', 'twice', 'spawn', 'sit', 'SIT', ...options);
    expect((await spawn()).stdout).toMatch(/^accepted +twice\/sit|^accepted .*sit/m);
    const again = await spawn();
    expect(again.exitCode).toBe(0);
    expect(again.stdout).toContain('accepted before');
    const byId = (...options: string[]): Promise<Ran> =>
      command('-s', 'twice', 'spawn', 'other', 'SIT', '--request-id', 'r1', '--json', ...options);
    const [first, second] = [await byId(), await byId()].map(({ stdout }) => {
      const { subagent } = spawnJson.parse(JSON.parse(stdout));
      return { run: subagent.run, runId: subagent.runId };
    });
    expect(second).toEqual(first);
    await using agent = await mainAgent('twice');
    const more = await agent.call('sessions_spawn', { label: 'other', task: 'SIT', requestId: 'r1' });
    expect(more.isError).toBe(false);
    const killed = await command('-s', 'twice', 'kill', '--all');
    expect(killed.stdout.split('not checked').length).toBeLessThanOrEqual(2);
  });
});

describe.concurrent('two questions', () => {
  it('are each answered by name alone, whoever answers', async () => {
    const session = subagents.session('asks');
    await session.spawn({ label: 'asker', task: 'ASK' }, cwd());
    const open = async () => (await session.subagent('asker').describe()).questions;
    await eventually(async () => (await open()).length === 2);
    const answers = ['yes, delete it', 'no, never'];
    const refused = await Promise.all(answers.map((each) => command('-s', 'asks', 'answer', 'asker', each)));
    const ids = (await open()).map(({ id }) => id);
    for (const { exitCode, stderr } of refused) {
      expect(exitCode).toBe(2);
      for (const part of [...ids, 'Delete the old data?', 'Push to production?'])
        expect(stderr).toContain(part);
    }
    await using agent = await mainAgent('asks');
    const unnamed = await agent.call('subagents', { action: 'answer', target: 'asker', message: 'yes' });
    expect(unnamed.isError).toBe(true);
    expect(unnamed.text).toContain('Push to production?');
    const [first = '', second = ''] = ids;
    const answered = await command('-s', 'asks', 'answer', 'asker', 'Yes.', '-q', first);
    expect(answered.exitCode).toBe(0);
    expect(answered.stdout).toContain('Push to production?');
    expect((await command('-s', 'asks', 'answer', 'asker', 'No.', '-q', second)).exitCode).toBe(0);
    expect((await session.subagent('asker').result()).report).toBe('Asked.');
  });
});

describe.concurrent('a duration', () => {
  it('has a unit, wherever it is given', async () => {
    await using agent = await mainAgent('long');
    const spawned = await agent.call('sessions_spawn', { label: 'x', task: 'WORK', timeout: 3600 });
    expect(spawned.isError).toBe(true);
    expect(spawned.text).toMatch(/timeout.*(unit|"1h"|"30m")/);
    const chained = await agent.call('sessions_chain', {
      label: 'c',
      steps: [{ id: 'a', task: 'WORK', timeout: 3600 }],
    });
    expect(chained.isError).toBe(true);
    const typed = await command('spawn', 'x', 'WORK', '--timeout', '3600', '--json');
    expect(typed.exitCode).toBe(2);
    expect(failureJson.parse(JSON.parse(typed.stderr)).error.message).toContain('3600');
    expect((await command('wait', 'x', '--timeout', '3600')).exitCode).toBe(2);
  });
});

it('what was cleaned is known to MCP as well', async () => {
  const spawned = await subagents.session('gone').spawn({ label: 'tidy', task: 'WORK' }, cwd());
  const { evidence } = await spawned.result();
  await spawned.merge();
  expect((await command('-s', 'gone', 'clean', 'tidy')).exitCode).toBe(0);
  await expect(access(evidence?.cwd ?? '')).rejects.toThrow();
  await using agent = await mainAgent('gone');
  const shown = await agent.call('subagents', { action: 'show', target: 'tidy' });
  expect(shown.text).toMatch(/cleaned/);
  expect(shown.text).not.toContain('subagents merge');
  const logs = await agent.call('subagents', { action: 'logs', target: 'tidy' });
  expect(logs.text).not.toContain('the transcript is empty so far');
});

describe.concurrent('a chain', () => {
  it('is drawn as its steps depend on each other, and a failed one has no trace of ours in its history', async () => {
    const session = subagents.session('drawn');
    await session.chain({
      label: 'duo',
      steps: [
        { id: 'one', task: 'WORK', needs: [], repo: fleet.repository.path },
        { id: 'two', task: 'WORK', needs: [], repo: fleet.repository.path, verify: ['false'] },
      ],
    });
    expect((await session.subagent('duo').result()).status).toBe('failed');
    const shown = await command('-s', 'drawn', 'show', 'duo');
    expect(shown.stdout).toContain('one, two (side by side)');
    expect(shown.stdout).not.toContain('one → two');
    const { history, details } = await withClient(fleet, async (client) => {
      const handle = client.workflow.getHandle('chain/drawn/duo');
      const description = await handle.describe();
      return { history: await handle.fetchHistory(), details: await description.staticDetails() };
    });
    expect(details).toContain('one, two (side by side)');
    const words = JSON.stringify(history, (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString() : value,
    );
    expect(words).not.toMatch(/\\n +at |workflow-bundle|\/dist\//);
  });
});

describe.concurrent('a repository that was moved after the end', () => {
  it('is said to be that, with what makes its work reachable', async () => {
    const repository = await temporaryRepository();
    onTestFinished(() => repository[Symbol.asyncDispose]());
    const options = { cwd: repository.path };
    const spawned = await subagents.session('moved').spawn({ label: 'mover', task: 'WORK' }, options);
    await spawned.result();
    const elsewhere = `${repository.path}-elsewhere`;
    await rename(repository.path, elsewhere);
    for (const name of ['diff', 'merge']) {
      const { exitCode, stderr } = await command('-s', 'moved', name, 'mover');
      expect([name, exitCode]).toEqual([name, 2]);
      expect(stderr).toContain(
        `the repository with the work of mover@1, ${repository.path}, no longer exists`,
      );
      expect(stderr).not.toContain('another machine');
    }
    await rename(elsewhere, repository.path);
    expect((await command('-s', 'moved', 'diff', 'mover')).stdout).toContain('+work');
  });
});

it('a worker that nobody knows is not given up', async () => {
  const { exitCode, stdout, stderr } = await command('worker', 'forget', 'w-nobodyzz');
  expect(exitCode).toBe(2);
  expect(stdout + stderr).toContain('w-nobodyzz');
  expect(stdout).not.toContain('gave up');
});
