/** Getting the work out, through the library and the command. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diffJson, mergeJson } from '../../src/cli/json.ts';
import { showPaged } from '../../src/cli/pager.ts';
import { SubagentsError, type Subagents } from '../../src/client/index.ts';
import { run, type Ran } from '../cli/command.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { temporaryFolder } from '../support/home.ts';
import { temporaryRepository } from '../support/repository.ts';
import { bash, on } from '../support/turns.ts';
import { eventually } from '../support/eventually.ts';
import { inItsShell } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;
const write = (name: string) => bash(`echo hello > ${name} && git add . && git commit -qm "Add ${name}"`);

beforeAll(async () => {
  fleet = await startFleet(
    [
      on('FIRST', [write('first.txt'), { text: 'Done.' }]),
      on('SECOND', [write('second.txt'), write('more.txt'), { text: 'Done.' }]),
      on('CLASH', [
        bash('echo theirs > README.md && git commit -qam "Change the readme"'),
        { text: 'Done.' },
      ]),
      on('MOVED', [write('moved.txt'), { text: 'Done.' }]),
      on('WITHIN', [write('within.txt'), { text: 'Done.' }]),
      on('BESIDE', [write('beside.txt'), { text: 'Done.' }]),
      on('FAIL', [write('bad.txt'), { text: 'I am sure it works.' }]),
      on('LIVE', [
        write('committed.txt'),
        bash('echo draft > draft.txt; echo more >> committed.txt; sleep 300'),
        { text: 'Stopped.' },
      ]),
    ],
    { env: { SUBAGENTS_SLOTS: '8' } },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const session = () => subagents.session('default');
const spawn = async (label: string, task: string, more: object = {}) => {
  await session().spawn({ label, task, ...more }, { cwd: fleet.repository.path });
  return session().subagent(label);
};
const command = (...args: string[]): Promise<Ran> =>
  run(['--address', fleet.server.address, ...args], { home: fleet.home, cwd: fleet.repository.path });
const refusal = async (promise: Promise<unknown>): Promise<SubagentsError> => {
  const error: unknown = await promise.then(
    (value) => new Error(JSON.stringify(value)),
    (reason: unknown) => reason,
  );
  if (error instanceof SubagentsError) return error;
  throw error;
};

describe('a finished subagent', () => {
  it('is diffed and merged with the commands that its end names', async () => {
    await spawn('first', 'FIRST');
    const waited = await command('wait', 'first');
    expect(waited.exitCode).toBe(0);
    for (const words of [
      /worktree .*worktrees\/default\/first@1-/,
      /branch +subagents\/first$/m,
      'subagents diff first',
      'subagents merge first',
      'subagents clean first',
    ]) {
      expect(waited.stdout).toMatch(words);
    }

    const shown = await command('diff', 'first');
    expect(shown.stdout).toContain('+++ b/first.txt\n@@ -0,0 +1 @@\n+hello');
    expect(shown.exitCode).toBe(0);
    expect((await command('diff', 'first', '--stat')).stdout).toContain('1 file changed, 1 insertion(+)');
    const json = diffJson.parse(JSON.parse((await command('diff', 'first', '--json')).stdout));
    expect(json).toMatchObject({ label: 'first', branch: 'subagents/first', live: false, notes: [] });

    const merged = await command('merge', 'first');
    expect(merged.stdout).toContain('merged subagents/first into main (fast-forward): 1 file (+1 -0)');
    expect(merged.exitCode).toBe(0);
    expect(existsSync(join(fleet.repository.path, 'first.txt'))).toBe(true);
    const again = mergeJson.parse(JSON.parse((await command('merge', 'first', '--json')).stdout));
    expect(again.how).toBe('already-merged');
  });

  it('is squashed by the library, into a worktree where the caller stands', async () => {
    const subagent = await spawn('second', 'SECOND');
    await subagent.result();
    const other = join(fleet.repository.path, '../other');
    await fleet.repository.git('worktree', 'add', '--quiet', '-b', 'release', other, fleet.repository.first);
    const report = await subagent.merge({ squash: true, into: other });
    expect(report).toMatchObject({ how: 'squash', into: 'release', branch: 'subagents/second' });
    expect(report.diffStat).toEqual(expect.objectContaining({ insertions: expect.any(Number) as number }));
    const message = await fleet.repository.in(other)('log', '-1', '--format=%B');
    expect(message).toContain('* Add second.txt\n* Add more.txt');
  });

  it('conflicts without a trace, and the command says where', async () => {
    await (await spawn('clash', 'CLASH')).result();
    await fleet.repository.commit('Ours', { 'README.md': 'ours\n' });
    const { exitCode, stderr } = await command('merge', 'clash');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('subagents/clash conflicts with main in README.md; nothing was changed');
    expect(await fleet.repository.git('status', '--porcelain')).toBe('');
  });

  it('is not merged into another repository', async () => {
    await using foreign = await temporaryRepository();
    const error = await refusal(session().subagent('second').merge({ into: foreign.path }));
    expect(error.code).toBe('NOT_A_REPOSITORY');
    expect(error.remedy).toContain(fleet.repository.path);
  });

  it('that is not done is merged only by force', async () => {
    const subagent = await spawn('fail', 'FAIL', { verify: ['false'] });
    expect((await subagent.result()).status).toBe('failed');
    const error = await refusal(subagent.merge());
    expect(error.code).toBe('NOT_DONE');
    expect(error.remedy).toContain('--force');
    expect((await subagent.merge({ force: true })).how).toBe('fast-forward');
  });

  it('whose branch has moved since is merged as it was verified, or by force', async () => {
    const subagent = await spawn('moved', 'MOVED');
    const verified = (await subagent.result()).evidence?.head ?? '';
    const { git } = fleet.repository;
    const tree = `${verified}^{tree}`;
    const later = await git('commit-tree', '-p', verified, '-m', 'After the outcome', tree);
    await git('update-ref', 'refs/heads/subagents/moved', later);
    const before = await git('rev-parse', 'main');
    const { exitCode, stderr } = await command('merge', 'moved');
    expect(exitCode).toBe(2);
    const [from, to] = [verified.slice(0, 10), later.slice(0, 10)];
    expect(stderr).toContain(`subagents/moved has moved since its outcome (from ${from} to ${to})`);
    expect(stderr).toContain('subagents diff moved');
    expect(stderr).toContain(`git merge ${from}`);
    expect((await refusal(subagent.merge())).code).toBe('NOT_DONE');
    expect(await git('rev-parse', 'main')).toBe(before);
    expect((await subagent.merge({ force: true })).merged).toBe(later);
  });

  it('is merged into the checkout that it was spawned from, also where the caller stands in a worktree of a subagent', async () => {
    const cwdOf = async (label: string, task: string) =>
      (await (await spawn(label, task)).result()).evidence?.cwd ?? '';
    const { git, path } = fleet.repository;
    const [own, other] = [await cwdOf('within', 'WITHIN'), await cwdOf('beside', 'BESIDE')];
    const besides = await git('rev-parse', 'subagents/beside');
    const from = (cwd: string) =>
      run(['--address', fleet.server.address, 'merge', 'within'], { home: fleet.home, cwd });

    const error = await refusal(session().subagent('within').merge({ into: other }));
    expect(error.code).toBe('BAD_INPUT');
    expect(error.remedy).toContain(path);
    expect((await refusal(session().subagent('within').merge({ into: own }))).code).toBe('BAD_INPUT');

    const merged = await from(other);
    expect(merged.stdout).toContain('merged subagents/within into main');
    expect(merged.stdout).toMatch(new RegExp(`checkout ${path}$`, 'm'));
    expect(merged.stdout).toContain(`undo     git -C ${path} reset --keep`);
    expect(existsSync(join(path, 'within.txt'))).toBe(true);
    expect(await git('rev-parse', 'subagents/beside')).toBe(besides);
    expect((await from(own)).stdout).toContain(
      `nothing to merge: main, in ${path}, already contains subagents/within`,
    );
  });

  it('whose branch is gone still shows the commit of its outcome, and says so', async () => {
    const worktree = (await session().subagent('first').result()).evidence?.cwd ?? '';
    await fleet.repository.git('worktree', 'remove', '--force', worktree);
    await fleet.repository.git('branch', '-D', 'subagents/first');
    const diff = await session().subagent('first').diff();
    expect(diff.text).toContain('+hello');
    expect(diff.notes.join()).toContain('its branch subagents/first is gone');
  });
});

describe('a live subagent', () => {
  it('is diffed as its folder is, and not merged', async () => {
    const subagent = await spawn('live', 'LIVE');
    await inItsShell(subagents, 'default', 'live');
    const diff = await eventually(async () => {
      const found = await subagent.diff();
      return found.text.includes('+draft') ? found : undefined;
    });
    expect(diff).toMatchObject({ live: true, head: null });
    expect(diff.text).toContain('+hello\n+more');
    expect(diff.notes.join()).toContain('2 uncommitted paths');
    const error = await refusal(subagent.merge());
    expect(error.code).toBe('STILL_LIVE');
    expect(error.remedy).toContain('subagents wait live');
    await subagent.kill();
  });
});

describe('the pager', () => {
  it('is the one that git would take, and none when that is cat or is not there', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'paged');
    const env = { PATH: process.env['PATH'], FILE: file };
    expect(await showPaged('a diff\n', { ...env, GIT_PAGER: 'cat > "$FILE"; echo $LESS >> "$FILE"' })).toBe(
      true,
    );
    expect(await readFile(file, 'utf8')).toBe('a diff\nFRX\n');
    expect(await showPaged('a diff\n', { ...env, GIT_PAGER: 'cat' })).toBe(false);
    expect(await showPaged('a diff\n', { ...env, GIT_PAGER: 'no-such-pager' })).toBe(false);
  });
});
