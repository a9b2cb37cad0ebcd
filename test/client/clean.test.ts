/** Removing what finished subagents have left, and what is never removed. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cleanJson } from '../../src/cli/json.ts';
import { SubagentsError, type Outcome, type Subagents } from '../../src/client/index.ts';
import { readRuns } from '../../src/home/run-record.ts';
import { run, type Ran } from '../cli/command.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { temporaryRepository } from '../support/repository.ts';
import { bash, on } from '../support/turns.ts';
import { inItsShell } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  fleet = await startFleet(
    [
      on('WORK', [
        bash('name=$(basename "$PWD"); echo hello > "$name.txt" && git add . && git commit -qm "Add $name"'),
        { text: 'Done.' },
      ]),
      on('IDLE', [{ text: 'Nothing to do.' }]),
      on('BREAK', [
        bash(
          'echo x > x && git add x && git commit -qm X && echo "[broken" >> "$(git rev-parse --git-common-dir)/config"',
        ),
        { text: 'Done.' },
      ]),
      // One that was interrupted goes on waiting.
      on('LIVE', [bash('sleep 300'), bash('sleep 301'), { text: 'Stopped.' }]),
    ],
    { env: { SUBAGENTS_SLOTS: '8' } },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const git = (...args: string[]) => fleet.repository.git(...args);
const branches = async () =>
  (await git('for-each-ref', '--format=%(refname:short)', 'refs/heads')).split('\n');
const command = (...args: string[]): Promise<Ran> =>
  run(['--address', fleet.server.address, ...args], { home: fleet.home, cwd: fleet.repository.path });
const in_ = (session: string) => ({
  spawn: async (label: string, task: string, more: object = {}): Promise<Outcome> => {
    await subagents.session(session).spawn({ label, task, ...more }, { cwd: fleet.repository.path });
    return subagents.session(session).subagent(label).result();
  },
  subagent: (label: string) => subagents.session(session).subagent(label),
});
const placeOf = ({ evidence }: Outcome) => evidence?.cwd ?? 'nowhere';
const stateOf = async (session: string, label: string) => {
  const { copilotSessionId } = await in_(session).subagent(label).describe();
  return join(fleet.home, 'copilot/session-state', copilotSessionId ?? 'unknown');
};

describe('clean', () => {
  it('removes worktree, branch and Copilot state of what is merged, and it stays listed and shown', async () => {
    const on_ = in_('merged');
    const outcome = await on_.spawn('one', 'WORK', { verify: ['true'] });
    const state = await stateOf('merged', 'one');
    expect([existsSync(placeOf(outcome)), existsSync(state)]).toEqual([true, true]);
    await on_.subagent('one').merge();

    const dry = await subagents.session('merged').clean({ merged: true, dryRun: true });
    expect(dry.runs[0]?.removed).toEqual(
      expect.arrayContaining(['worktree', 'branch', 'copilot', 'outputs']),
    );
    expect([existsSync(placeOf(outcome)), existsSync(state)]).toEqual([true, true]);

    const report = await subagents.session('merged').clean({ merged: true });
    expect(report.runs[0]).toMatchObject({ label: 'one', kept: [] });
    expect(report.freedBytes).toBeGreaterThan(0);
    expect([existsSync(placeOf(outcome)), existsSync(state)]).toEqual([false, false]);
    expect(existsSync(join(fleet.home, 'outputs/merged/one@1'))).toBe(false);
    expect(await branches()).not.toContain('subagents/one');
    expect(await git('worktree', 'list', '--porcelain')).not.toContain('/merged/');

    expect((await subagents.session('merged').list()).finished.map(({ label }) => label)).toEqual(['one']);
    expect((await on_.subagent('one').describe()).outcome?.status).toBe('done');
  });

  it('is known in every face afterwards', async () => {
    const on_ = in_('known');
    await on_.spawn('gone', 'WORK');
    await on_.subagent('gone').merge();
    const fresh = await command('show', 'known/gone');
    expect(fresh.stdout).toContain('subagents merge known/gone');
    await subagents.session('known').clean();

    const { cleaned } = await eventually(async () => {
      const described = await on_.subagent('gone').describe();
      return described.cleaned ? described : undefined;
    });
    expect(cleaned?.removed.toSorted()).toEqual(['branch', 'copilot', 'worktree']);
    const shown = await command('show', 'known/gone');
    expect(shown.stdout).toMatch(/cleaned +.*worktree.*removed/);
    expect(shown.stdout).not.toMatch(/subagents (merge|continue|diff|clean) /);
    expect((await command('logs', 'known/gone')).stderr).toContain(
      'its transcript was removed by a clean-up at ',
    );
    expect((await command('list')).stdout).toMatch(/known\/gone .*\[cleaned\]/);
    expect((await subagents.session('known').list()).finished[0]?.cleaned).toEqual(cleaned);
    const again = await subagents.session('merged').clean();
    expect(again.runs[0]).toMatchObject({ removed: [], kept: [] });
  });

  it('keeps a branch with commits that are nowhere else, and says so; force drops it', async () => {
    const on_ = in_('unmerged');
    const outcome = await on_.spawn('two', 'WORK');
    const merged = await command('--session', 'unmerged', 'clean', '--merged');
    expect(merged.stdout).toContain(
      'kept unmerged/two: branch subagents/two, because it has 1 commit that is on no other',
    );
    expect(existsSync(placeOf(outcome))).toBe(true);

    const { stdout, stderr, exitCode } = await command('--session', 'unmerged', 'clean', 'two');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('removed unmerged/two: worktree, Copilot state');
    expect(stdout).toContain('kept unmerged/two: branch subagents/two');
    expect(stderr).toContain('--force');
    expect(existsSync(placeOf(outcome))).toBe(false);
    expect(await branches()).toContain('subagents/two');

    const json = await command('clean', 'unmerged/two', '--force', '--json');
    expect(cleanJson.parse(JSON.parse(json.stdout)).runs[0]?.removed).toEqual(['branch']);
    expect(await branches()).not.toContain('subagents/two');
  });

  it('of two that have the same commits, named at once, keeps the branch of one', async () => {
    const on_ = in_('twice');
    await on_.spawn('impl', 'WORK');
    await on_.spawn('review', 'IDLE', { base: 'subagents/impl' });
    const why =
      'kept twice/review: branch subagents/review, because it has 1 commit that is on no other branch';
    const dry = await command('clean', '--dry-run', 'twice/impl', 'twice/review', 'twice/impl');
    expect(dry.stdout).toContain('would remove twice/impl: worktree, branch');
    expect(dry.stdout).toContain(why);
    const { stdout } = await command('clean', 'twice/impl', 'twice/review');
    expect(stdout).toContain('removed twice/impl: worktree, branch');
    expect(stdout).toContain(why);
    expect(await branches()).not.toContain('subagents/impl');
    expect(await branches()).toContain('subagents/review');
  });

  it('takes a squashed branch for merged', async () => {
    const on_ = in_('squashed');
    await on_.spawn('three', 'WORK');
    await fleet.repository.commit('Ours', { 'ours.txt': 'x' });
    await on_.subagent('three').merge({ squash: true });
    const { runs } = await on_.subagent('three').clean({ merged: true });
    expect(runs[0]).toMatchObject({ kept: [] });
    expect(runs[0]?.removed).toContain('branch');
  });

  it('keeps uncommitted files, with all that belongs to them', async () => {
    const on_ = in_('dirty');
    const outcome = await on_.spawn('four', 'IDLE');
    await fleet.repository.write({ 'draft.txt': 'mine' }, placeOf(outcome));
    const { runs } = await on_.subagent('four').clean();
    expect(runs[0]?.removed).toEqual([]);
    expect(runs[0]?.kept[0]).toMatchObject({ what: 'worktree', why: 'it has 1 uncommitted file: draft.txt' });
    expect(existsSync(join(placeOf(outcome), 'draft.txt'))).toBe(true);
    expect((await on_.subagent('four').clean({ force: true })).runs[0]?.removed).toContain('worktree');
  });

  it('keeps commits that only its worktree has', async () => {
    const on_ = in_('detached');
    const outcome = await on_.spawn('five', 'IDLE');
    const worktree = fleet.repository.in(placeOf(outcome));
    await worktree('switch', '--quiet', '--detach');
    await fleet.repository.commit('Loose', { 'loose.txt': 'x' }, placeOf(outcome));
    const { runs } = await on_.subagent('five').clean();
    expect(runs[0]?.removed).toEqual([]);
    expect(runs[0]?.kept[0]?.why).toContain('on no branch');
  });

  it('keeps a branch that is checked out elsewhere', async () => {
    const on_ = in_('elsewhere');
    const outcome = await on_.spawn('six', 'IDLE');
    await git('worktree', 'remove', '--force', placeOf(outcome));
    await git('worktree', 'add', '--quiet', '../six', 'subagents/six');
    const { runs } = await on_.subagent('six').clean();
    expect(runs[0]?.kept[0]?.why).toContain('it is checked out in');
    expect(await branches()).toContain('subagents/six');
  });

  it('is for one repository where that is said, in any checkout of it', async () => {
    await using other = await temporaryRepository();
    const on_ = in_('two-repositories');
    const [here, there] = await Promise.all([
      on_.spawn('here', 'IDLE'),
      on_.spawn('there', 'IDLE', { repo: other.path }),
    ]);
    const linked = `${fleet.repository.path}-linked`;
    await git('worktree', 'add', '--quiet', '--detach', linked);
    const session = ['clean', '-s', 'two-repositories', '--merged', '--repo'];
    const { stdout } = await command(...session, linked);
    await git('worktree', 'remove', linked);
    expect(stdout).toContain('here');
    expect(stdout).not.toContain('there');
    expect([existsSync(placeOf(here)), existsSync(placeOf(there))]).toEqual([false, true]);
    expect(await command(...session, '/nowhere')).toMatchObject({ stdout: 'There is nothing to clean.' });
    const cleaned = await subagents.clean('all', { repo: other.path });
    expect(cleaned.runs).toMatchObject([{ label: 'there', kept: [] }]);
    expect(existsSync(placeOf(there))).toBe(false);
  });

  it('keeps all where git cannot read the repository, whose outcome says where the work is', async () => {
    await using other = await temporaryRepository();
    const outcome = await in_('unreadable').spawn('one', 'BREAK', { repo: other.path });
    expect(outcome).toMatchObject({
      status: 'failed',
      failure: { class: 'workspace', remedy: expect.stringContaining('subagents continue one') as string },
      evidence: { branch: 'subagents/one' },
    });
    const head = readFileSync(join(other.path, '.git/refs/heads/subagents/one'), 'utf8').trim();
    expect(outcome.evidence?.head).toBe(head);
    expect((await command('show', '-s', 'unreadable', 'one')).stdout).toContain('subagents/one');
    const { runs } = await subagents.session('unreadable').clean({ force: true });
    expect(runs).toMatchObject([{ removed: [], kept: [{ what: 'all' }] }]);
    expect(existsSync(placeOf(outcome))).toBe(true);
  });

  it('goes on where it was cut short, and where somebody removed parts', async () => {
    const on_ = in_('halfway');
    const outcome = await on_.spawn('seven', 'IDLE');
    rmSync(placeOf(outcome), { recursive: true });
    rmSync(await stateOf('halfway', 'seven'), { recursive: true });
    const { runs } = await on_.subagent('seven').clean();
    expect(runs[0]?.kept).toEqual([]);
    expect(await git('worktree', 'list', '--porcelain')).not.toContain('/halfway/');
    expect(
      readRuns({ paths: { runs: join(fleet.home, 'runs') } }).map((each) => each.subagent.label),
    ).not.toContain('seven');
  });

  it('leaves the checkout of an in-place subagent alone', async () => {
    const on_ = in_('in-place');
    // It is called like a record of ours, and is not.
    const beside = `${fleet.repository.path}.json`;
    writeFileSync(beside, '{ "name": "theirs" }');
    const outcome = await on_.spawn('eight', 'IDLE', { isolation: 'in-place', verify: ['true'] });
    expect(outcome).toMatchObject({ status: 'done', verifications: [{ exitCode: 0 }] });
    expect(await on_.subagent('eight').diff()).toMatchObject({ text: '' });
    const state = await stateOf('in-place', 'eight');
    const { runs } = await on_.subagent('eight').clean({ force: true });
    expect(runs[0]?.removed).toEqual(['copilot', 'outputs']);
    expect(readFileSync(beside, 'utf8')).toBe('{ "name": "theirs" }');
    expect(existsSync(state)).toBe(false);
    expect(existsSync(join(fleet.repository.path, '.git'))).toBe(true);
  });

  it('touches nothing of a live one', async () => {
    const session = subagents.session('live');
    await session.spawn({ label: 'nine', task: 'LIVE' }, { cwd: fleet.repository.path });
    await inItsShell(subagents, 'live', 'nine');
    const error: unknown = await session
      .subagent('nine')
      .clean()
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SubagentsError);
    expect((error as SubagentsError).code).toBe('STILL_LIVE');
    expect((await session.clean({ force: true })).runs).toEqual([]);
    await session.subagent('nine').kill();
    expect((await session.clean({ force: true })).runs[0]?.removed).toContain('worktree');
  });

  it('says so when the worker is away', async () => {
    const on_ = in_('away');
    await on_.spawn('ten', 'IDLE');
    await fleet.worker.stop();
    const error: unknown = await on_
      .subagent('ten')
      .clean()
      .catch((reason: unknown) => reason);
    // The server remembers for 70 s that it polled.
    expect((error as SubagentsError).code).toBe('TIMEOUT');
    expect((error as SubagentsError).message).toContain('a worker is running or was a moment ago');
    await fleet.startWorker();
    // For a moment the server still takes the worker for gone.
    const { runs } = await eventually(() =>
      on_
        .subagent('ten')
        .clean()
        .catch(() => undefined),
    );
    expect(runs[0]?.removed).toContain('worktree');
  });
});

describe('the settings of a worker', () => {
  it('have it remove the oldest at its start, but no work that is nowhere else', async () => {
    const on_ = in_('retention');
    const idle = await on_.spawn('idle', 'IDLE');
    const work = await on_.spawn('work', 'WORK');
    const dirty = await on_.spawn('dirty', 'IDLE');
    await fleet.repository.write({ 'draft.txt': 'mine' }, placeOf(dirty));
    await subagents
      .session('retention')
      .spawn({ label: 'live', task: 'LIVE' }, { cwd: fleet.repository.path });
    await inItsShell(subagents, 'retention', 'live');
    const { cwd: live = 'nowhere' } = await on_.subagent('live').describe();

    await fleet.worker.stop();
    await fleet.startWorker(undefined, { SUBAGENTS_KEEP: 'forever', SUBAGENTS_KEEP_DISK: '1B' });
    await eventually(async () => (!existsSync(placeOf(idle)) && !existsSync(placeOf(work))) || undefined);
    expect(await branches()).not.toContain('subagents/idle');
    expect(await branches()).toContain('subagents/work');
    expect(existsSync(join(placeOf(dirty), 'draft.txt'))).toBe(true);
    expect(existsSync(live)).toBe(true);
    const log = await eventually(() => {
      const text = readFileSync(fleet.log, 'utf8');
      return Promise.resolve(text.includes('still take') ? text : undefined);
    });
    expect(log).toContain('retention (disk space): removed');
    expect(log).toContain('branch subagents/work is kept: it has 1 commit that is on no other branch');
    await on_.subagent('live').kill();
  });
});
