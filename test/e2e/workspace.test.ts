/** A workspace that runs: set-up, settings of the repository, and what the caller carries along, from spawn to outcome. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SpawnSpec, Subagents } from '../../src/client/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';
import { processesWith } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;

const SETTINGS = {
  setup: ['mkdir -p node_modules && echo ready > node_modules/tool'],
  verify: ['cat node_modules/tool'],
};

beforeAll(async () => {
  fleet = await startFleet(
    [
      on('use the tool', [
        bash('cp node_modules/tool used.txt && git add used.txt && git commit -qm "Use the tool"'),
        { text: 'Used.' },
      ]),
      on('say done', [{ text: 'Nothing to do.' }]),
    ],
    {
      env: { SUBAGENTS_MODELS: 'scripted' },
      files: {
        'README.md': 'x\n',
        '.gitignore': 'node_modules/\n',
        '.subagents.json': JSON.stringify(SETTINGS),
      },
    },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const spawn = (spec: SpawnSpec) => subagents.session('work').spawn(spec, { cwd: fleet.repository.path });
const handle = (label: string) => subagents.session('work').subagent(label);

describe('a workspace', () => {
  it('has the caller’s uncommitted changes as its first commit, on top of the base, where that was asked for', async () => {
    const { repository } = fleet;
    await repository.write({ 'README.md': 'changed\n', 'new.txt': 'x\n' });
    const { notes } = await spawn({ label: 'carrier', task: 'use the tool', withChanges: true });
    expect(notes.join()).toMatch(
      /first commit of the branch has the uncommitted changes of the checkout, [0-9a-f]{12}: 1 changed file, 1 new file; .*: new\.txt/,
    );
    const { status, evidence, notes: said } = await handle('carrier').result();
    expect(status).toBe('done');
    expect(evidence?.base).toBe(repository.first);
    expect(evidence?.commits.map(({ subject }) => subject)).toEqual([
      'Use the tool',
      'Uncommitted changes of the caller',
    ]);
    expect(evidence?.filesChanged.toSorted()).toEqual(['README.md', 'new.txt', 'used.txt']);
    expect(said.join()).toContain('has the uncommitted changes of the caller (1 changed file, 1 new file)');
    expect(await repository.git('status', '--porcelain')).toBe(' M README.md\n?? new.txt');
    expect(await repository.git('for-each-ref', 'refs/subagents')).toBe('');
    await repository.git('checkout', '--quiet', '.');
    await repository.git('clean', '-fdq');
  });

  it('is refused with changes where they cannot be carried, and nothing of them is kept', async () => {
    const { repository } = fleet;
    await repository.commit('Second');
    await repository.write({ 'new.txt': 'x\n' });
    const refused = (spec: Partial<SpawnSpec>) =>
      spawn({ label: 'no', task: 'say done', withChanges: true, ...spec }).catch((error: unknown) => error);
    expect(await refused({ base: repository.first })).toMatchObject({ code: 'BAD_INPUT' });
    expect(await refused({ isolation: 'in-place' })).toMatchObject({ code: 'BAD_INPUT' });
    expect(await refused({ model: 'not-allowed' })).toMatchObject({ code: 'MODEL_REFUSED' });
    expect(await repository.git('for-each-ref', 'refs/subagents')).toBe('');
    await repository.git('clean', '-fdq');
  });

  it('is on the branch with the next free number, which the outcome names', async () => {
    await fleet.repository.git('branch', 'subagents/taken');
    await spawn({ label: 'taken', task: 'use the tool' });
    const { evidence } = await handle('taken').result();
    expect(evidence?.branch).toBe('subagents/taken-2');
    expect(await fleet.repository.git('show', 'subagents/taken-2:used.txt')).toBe('ready');
  });

  it('has the ignored files that .worktreeinclude names', async () => {
    await fleet.repository.write({ 'node_modules/local': 'mine' });
    await fleet.repository.commit('Include', { '.worktreeinclude': 'node_modules/local\n' });
    await spawn({ label: 'included', task: 'say done', setup: ['cat node_modules/local'], verify: [] });
    const { setup, notes, evidence } = await handle('included').result();
    expect(setup).toMatchObject([{ exitCode: 0, outputTail: 'mine' }]);
    expect(notes).toContain('.worktreeinclude: copied 1 ignored file');
    expect(evidence?.filesChanged).toEqual([]);
  });
});

describe('set-up', () => {
  it('comes from .subagents.json of the base commit, runs before the first turn, and is in the outcome', async () => {
    const { notes } = await spawn({ label: 'user', task: 'use the tool' });
    expect(notes.join()).toMatch(
      /^from \.subagents\.json of [0-9a-f]{12}: set-up `mkdir .*`; verification `cat /,
    );
    const outcome = await handle('user').result();
    expect(outcome).toMatchObject({
      status: 'done',
      setup: [{ command: SETTINGS.setup[0], exitCode: 0 }],
      verifications: [{ command: SETTINGS.verify[0], exitCode: 0, outputTail: 'ready' }],
      evidence: { filesChanged: ['used.txt'], commitCount: 1 },
    });
  });

  it('of the spawn wins', async () => {
    await spawn({ label: 'own', task: 'say done', setup: ['echo mine > own.txt'], verify: [] });
    const outcome = await handle('own').result();
    expect(outcome).toMatchObject({
      status: 'done',
      setup: [{ command: 'echo mine > own.txt' }],
      verifications: [],
    });
    expect(outcome.evidence?.filesChanged).toEqual([]);
  });

  it('that fails ends the subagent before its first turn, in a class of its own', async () => {
    const asked = fleet.model.requests.length;
    await spawn({ label: 'broken', task: 'say done', setup: ['echo no such package; exit 9'] });
    const outcome = await handle('broken').result();
    expect(outcome).toMatchObject({
      status: 'failed',
      turns: 0,
      failure: { class: 'setup', message: expect.stringContaining('exited with 9') as string },
      setup: [{ exitCode: 9, outputTail: 'no such package' }],
      evidence: { branch: 'subagents/broken', commitCount: 0 },
    });
    expect(readFileSync(outcome.setup?.[0]?.outputFile ?? '', 'utf8')).toBe('no such package\n');
    expect(fleet.model.requests.length).toBe(asked);
  });

  it('is seen in the list while it runs, and ends with a kill', async () => {
    await spawn({ label: 'slow', task: 'say done', setup: ['echo fetching; sleep 4567'] });
    const row = await eventually(async () => {
      const { live } = await subagents.session('work').list();
      return live.find(({ progress }) =>
        progress?.doing.startsWith('set-up: echo fetching; sleep 4567 (fetching)'),
      );
    });
    expect(row.status).toBe('preparing');
    expect(Date.parse(row.progress?.since ?? '')).toBeGreaterThan(0);
    expect((await handle('slow').describe()).doing).toContain('set-up: echo fetching');
    const { status, sweep } = await handle('slow').kill();
    expect(status).toBe('killed');
    expect(sweep?.left).toEqual([]);
    expect(processesWith('sleep 4567')).toEqual([]);
  });

  it('is begun again from the start when its worker dies in the middle, and its processes do not outlive it', async () => {
    const marks = join(fleet.home, 'marks');
    const command = `echo x >> '${marks}'; test -e '${marks}.go' || sleep 4568`;
    await spawn({ label: 'twice', task: 'use the tool', setup: [...SETTINGS.setup, command] });
    await eventually(() => existsSync(marks));
    await fleet.worker.kill();
    readFileSync(marks);
    await fleet.repository.write({ 'marks.go': '' }, fleet.home);
    await fleet.startWorker();
    const outcome = await handle('twice').result();
    expect(outcome).toMatchObject({ status: 'done', setup: [{ exitCode: 0 }, { exitCode: 0 }] });
    expect(readFileSync(marks, 'utf8')).toBe('x\nx\n');
    expect(processesWith('sleep 4568')).toEqual([]);
  });

  it('is refused in place', async () => {
    await expect(
      spawn({ label: 'here', task: 'say done', setup: ['true'], isolation: 'in-place' }),
    ).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('new worktree') as string,
    });
  });
});
