/** What is removed of a run and what is not, case by case, on a real home and real repositories. */
import { existsSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { cleanRun, createCleanActivities, type CleanDependencies } from '../../activities/ending/clean.ts';
import type { PrepareInput, Workspace } from '../../src/contract/index.ts';
import type { Home } from '../../src/home/home.ts';
import { readRuns, type RunRecord } from '../../src/home/run-record.ts';
import { runFolder } from '../../src/home/workspace-record.ts';
import { applyRetention } from '../../src/worker/upkeep/retention.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder, temporaryHome } from '../support/home.ts';
import { asOrdinaryUser } from '../support/ordinary-user.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { specOf, subagentRef, workspaceBench } from '../support/workspace.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

/** What one run has, and what is done with it once it is over. Gone after the test. */
class Run {
  readonly repo: Repository;
  readonly home: Home;
  readonly input: PrepareInput;
  readonly workspace: Workspace;

  private constructor(repo: Repository, home: Home, input: PrepareInput, workspace: Workspace) {
    this.repo = repo;
    this.home = home;
    this.input = input;
    this.workspace = workspace;
  }

  static async begin(repo?: Repository, commit?: string): Promise<Run> {
    const in_ = repo ?? (await temporaryRepository());
    const home = await temporaryHome();
    onTestFinished(async () => {
      await in_[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
    });
    const base = { commit: commit ?? in_.first, name: 'HEAD' };
    const input = { subagent: subagentRef(), spec: specOf(in_, { base }) };
    return new Run(in_, home, input, await workspaceBench(home).prepare(input));
  }

  /** The next run of its label, which goes on in its worktree and its Copilot session. */
  async goOn(): Promise<Run> {
    const { repo, home, cwd, input } = this;
    const { runId, copilotSessionId } = input.subagent;
    const { branch } = this.workspace;
    const before = { run: 1, runId, workerId: 'a-worker', copilotSessionId, handover: '' };
    const next: PrepareInput = {
      subagent: subagentRef('fix', { run: 2, copilotSessionId }),
      spec: { ...input.spec, continues: { ...before, repository: repo.path, cwd, branch } },
    };
    return new Run(repo, home, next, await workspaceBench(home).prepare(next));
  }

  /** A run of another subagent in the same home. */
  async beside(commit = this.repo.first): Promise<Run> {
    const { repo, home } = this;
    const input = {
      subagent: subagentRef('other'),
      spec: specOf(repo, { label: 'other', base: { commit, name: 'HEAD' } }),
    };
    return new Run(repo, home, input, await workspaceBench(home).prepare(input));
  }

  /** Has it begun and ended that many days ago. */
  async age(days: number): Promise<void> {
    const at = new Date(Date.now() - days * 86_400_000).toISOString();
    const path = join(this.home.paths.runs, `${runFolder(this.input.subagent)}.json`);
    await writeFile(path, JSON.stringify({ ...this.record, startedAt: at, endedAt: at }));
  }

  get cwd(): string {
    return this.workspace.cwd;
  }

  get record(): RunRecord {
    const record = readRuns(this.home).find(({ subagent }) => subagent.runId === this.input.subagent.runId);
    if (record === undefined) throw new Error('it is forgotten');
    return record;
  }

  /** Collects and, with commands, verifies: what happens after its last turn. Gives the notes. */
  async end(...verify: string[]): Promise<readonly string[]> {
    const bench = workspaceBench(this.home);
    const { evidence, notes, caveats } = await bench.collect(this.input, this.workspace);
    if (verify.length > 0) await bench.verify(this.input, { cwd: this.cwd, head: evidence.head }, verify);
    return [...notes, ...caveats.map(({ text }) => text)];
  }

  /** One look at all of its home; gives what was said of it. */
  async retain(keepDays: number): Promise<string> {
    const lines: string[] = [];
    await applyRetention({
      clean: { home: this.home, runState: async () => 'closed', openRun: async () => undefined },
      settings: { keepMs: keepDays * 86_400_000, keepBytes: Infinity },
      log: (line) => lines.push(line),
    });
    return lines.join('\n');
  }

  clean({ force = false, ...asked }: { force?: boolean } & Partial<CleanDependencies> = {}) {
    const on: CleanDependencies = {
      home: this.home,
      runState: async () => 'closed',
      openRun: async () => undefined,
      ...asked,
    };
    return cleanRun(on, this.record, { force, onlyMerged: false, dryRun: false });
  }
}

describe('clean', () => {
  it('removes what verification made, but nothing that lay there before', async () => {
    const run = await Run.begin();
    await run.end('echo made > made.txt');
    await run.repo.in(run.cwd)('clone', '--quiet', run.repo.path, 'nested');
    const only = await run.repo.commit('Only here', { 'only.txt': 'x' }, join(run.cwd, 'nested'));
    await run.end('echo more > more.txt');

    expect(await run.clean()).toMatchObject({
      removed: [],
      kept: [{ what: 'worktree', where: run.cwd, why: 'it has 1 uncommitted file: nested/' }],
    });
    expect(await run.repo.in(join(run.cwd, 'nested'))('rev-parse', 'HEAD')).toBe(only);
    expect((await run.clean({ force: true })).removed).toContain('worktree');
    expect(existsSync(run.cwd)).toBe(false);
  });

  it('keeps what verification made and somebody has written to since, also where verification runs again', async () => {
    const run = await Run.begin();
    await run.end('echo made > made.txt', 'git clone --quiet . nested');
    const { evidence } = await workspaceBench(run.home).collect(run.input, run.workspace);
    const only = await run.repo.commit('Only here', { 'only.txt': 'x' }, join(run.cwd, 'nested'));
    await run.repo.write({ 'made.txt': 'mine' }, run.cwd);
    expect(await run.clean()).toMatchObject({
      removed: [],
      kept: [{ why: 'it has 2 uncommitted files: made.txt, nested/' }],
    });
    await run.repo.write({ 'made.txt': 'made\n' }, run.cwd);
    await workspaceBench(run.home).verify(run.input, { cwd: run.cwd, head: evidence.head }, ['true']);
    expect((await run.clean()).kept).toMatchObject([{ why: 'it has 1 uncommitted file: nested/' }]);
    expect(await run.repo.in(join(run.cwd, 'nested'))('rev-parse', 'HEAD')).toBe(only);
  });

  it('removes a repository that verification made, and keeps what is only known by name', async () => {
    const run = await Run.begin();
    await run.end('git clone --quiet . nested');
    const path = `${run.cwd}.json`;
    const record = readFileSync(path, 'utf8');
    await writeFile(path, JSON.stringify({ ...JSON.parse(record), leftByVerification: { 'nested/': null } }));
    expect((await run.clean()).kept).toMatchObject([{ why: 'it has 1 uncommitted file: nested/' }]);
    await writeFile(path, record);
    expect((await run.clean()).removed).toContain('worktree');
  });

  it('keeps a worktree with commits of submodules that are nowhere else, and the outcome says so', async () => {
    const [inner, lib, repo] = [
      await temporaryRepository(),
      await temporaryRepository(),
      await temporaryRepository(),
    ];
    onTestFinished(async () => {
      for (const each of [inner, lib]) await each[Symbol.asyncDispose]();
    });
    const add = ['-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add'];
    await lib.git(...add, inner.path, 'inner');
    await lib.commit('Inner');
    await repo.git(...add, lib.path, 'libs/ä b');
    await repo.git(
      '-c',
      'protocol.file.allow=always',
      'submodule',
      '--quiet',
      'update',
      '--init',
      '--recursive',
    );
    const run = await Run.begin(repo, await repo.commit('Lib'));
    const at = (path: string) => join(run.cwd, path);
    expect(await run.end()).toEqual([]);

    await repo.commit('Deep', { 'deep.txt': 'x' }, at('libs/ä b/inner'));
    await repo.commit('Middle', {}, at('libs/ä b'));
    await repo.commit('Top', {}, run.cwd);
    const notes = (await run.end()).join('\n');
    expect(notes).toMatch(
      /the submodule libs\/ä b is at [0-9a-f]{10}, which is neither on its remote branches nor in your copy/,
    );
    expect(notes).toContain(`git -C ${at('libs/ä b/inner')} push`);
    await repo.git('merge', '--quiet', 'subagents/fix');
    const why = 'its submodule libs/ä b has 1 commit that is in no other repository';
    expect(await run.clean()).toMatchObject({
      removed: [],
      kept: [{ what: 'worktree', where: run.cwd, why }],
    });

    // Pushed, or fetched: each is elsewhere then.
    await repo.in(at('libs/ä b'))('push', '--quiet', 'origin', 'HEAD:refs/heads/fix');
    expect((await run.clean()).kept[0]?.why).toContain('its submodule libs/ä b/inner has 1 commit');
    await repo.in(join(repo.path, 'libs/ä b/inner'))('fetch', '--quiet', at('libs/ä b/inner'));
    expect((await run.clean()).removed).toContain('worktree');
  });

  it('keeps a repository that was committed as a submodule without being made one', async () => {
    const run = await Run.begin();
    await run.repo.in(run.cwd)('clone', '--quiet', run.repo.path, 'nested');
    await run.repo.commit('Only here', { 'only.txt': 'x' }, join(run.cwd, 'nested'));
    await run.repo.commit('Nested', {}, run.cwd);
    await run.end();
    expect((await run.clean()).kept[0]?.why).toBe(
      'its submodule nested has 1 commit that is in no other repository',
    );
    await run.repo.in(join(run.cwd, 'nested'))('push', '--quiet', 'origin', 'HEAD:refs/heads/nested');
    expect((await run.clean()).removed).toContain('worktree');
  });
});

describe('two branches at a commit that nothing else has', () => {
  async function both(): Promise<{
    runs: readonly [Run, Run];
    commit: string;
    branches: () => Promise<number>;
  }> {
    const one = await Run.begin();
    const commit = await one.repo.commit('Work', { 'work.txt': 'x' }, one.cwd);
    const two = await one.beside(commit);
    const branches = async () => {
      const list = await one.repo.git('for-each-ref', '--format=%(objectname)', 'refs/heads/subagents');
      return list.split('\n').filter((tip) => tip === commit).length;
    };
    expect(await branches()).toBe(2);
    return { runs: [one, two], commit, branches };
  }
  const why = 'it has 1 commit that is on no other branch';

  it('are not both deleted by one clean, and a dry run of it says so', async () => {
    const { runs, branches } = await both();
    const { cleanRuns } = createCleanActivities({
      home: runs[0].home,
      runState: async () => 'closed',
      openRun: async () => undefined,
    });
    const clean = async (dryRun: boolean) => {
      const asked = {
        runs: runs.map(({ record }) => record.subagent),
        dryRun,
        force: false,
        onlyMerged: false,
      };
      const answer = await cleanRuns(asked);
      return answer.kind === 'cleaned' ? answer.runs.map(({ removed, kept }) => ({ removed, kept })) : [];
    };
    const dry = await clean(true);
    expect(dry[0]?.removed).toContain('branch');
    expect(dry[1]).toEqual({
      removed: ['worktree'],
      kept: [{ what: 'branch', where: 'subagents/other', why }],
    });
    expect(await branches()).toBe(2);
    expect(await clean(false)).toEqual(dry);
    expect(await branches()).toBe(1);
  });

  it('are not both deleted by two cleans at once', async () => {
    const { runs, branches } = await both();
    // Both have looked when the first begins to delete: each then relies on the other's branch.
    let looked = 0;
    const openRun = async () => {
      if (++looked > 2) await eventually(() => Promise.resolve(looked >= 4 || undefined));
      return undefined;
    };
    const cleaned = await Promise.all(runs.map((run) => run.clean({ openRun })));
    expect(cleaned.flatMap(({ kept }) => kept)).toContainEqual(
      expect.objectContaining({ what: 'branch', why }),
    );
    expect(await branches()).toBe(1);
    // What is kept can still be found.
    expect(readRuns(runs[0].home)).toHaveLength(1);
  });
});

describe('what comes up while clean looks', () => {
  it('counts: a run that goes on with it', async () => {
    const run = await Run.begin();
    let asked = 0;
    const openRun = async () => (asked++ === 0 ? undefined : 'another');
    expect(await run.clean({ force: true, openRun })).toMatchObject({
      removed: [],
      kept: [{ what: 'all', why: 'another run of fix is starting' }],
    });
    expect(existsSync(run.cwd)).toBe(true);
  });

  it('counts: a file that is not committed', async () => {
    const run = await Run.begin();
    // Where `du` would say how much is freed, somebody writes first.
    await using folder = await temporaryFolder();
    const du = join(folder.path, 'du');
    await writeFile(du, `#!/bin/sh\necho mine > '${run.cwd}/draft.txt'\n`, { mode: 0o755 });
    vi.stubEnv('PATH', `${folder.path}:${process.env['PATH']}`);
    expect(await run.clean()).toMatchObject({
      removed: [],
      kept: [{ what: 'all', why: 'it has 1 uncommitted file: draft.txt' }],
    });
    expect(existsSync(join(run.cwd, 'draft.txt'))).toBe(true);
  });
});

describe('what cannot be removed', () => {
  it('stays, with the reason, and the rest goes', async () => {
    const run = await Run.begin();
    // Deeper than any path may be long, as a program that goes round in circles makes it.
    const outputs = join(run.home.paths.outputs, runFolder(run.input.subagent));
    await mkdir(outputs, { recursive: true });
    await execa(
      'bash',
      ['-c', 'name=$(printf "x%.0s" {1..200}); for i in {1..25}; do mkdir $name; cd $name; done'],
      {
        cwd: outputs,
      },
    );
    onTestFinished(async () => void (await execa('rm', ['-rf', outputs])));
    expect((await run.clean()).kept).toMatchObject([
      {
        what: 'all',
        where: run.cwd,
        why: expect.stringMatching(/^removing it failed: ENAMETOOLONG/) as string,
      },
    ]);

    const next = await run.beside();
    await run.age(20);
    await next.age(19);
    expect(await run.retain(14)).toContain('removed worktree, branch of main/other@1');
    expect([existsSync(outputs), existsSync(next.cwd)]).toEqual([true, false]);
    await execa('rm', ['-rf', outputs]);
    expect(await run.clean()).toMatchObject({ kept: [] });
  });

  it('is tried again, with what an earlier try has left', async () => {
    const run = await Run.begin();
    await mkdir(`${run.cwd}.removed/left`, { recursive: true });
    expect((await run.clean()).removed).toContain('worktree');
    expect([existsSync(run.cwd), existsSync(`${run.cwd}.removed`)]).toEqual([false, false]);
  });
});

describe('a run that another one has gone on with', () => {
  /** A run of twenty days ago, and the one of yesterday that went on with it; each with output of its own. */
  async function both() {
    const one = await Run.begin();
    await one.end('true');
    await one.age(20);
    const two = await one.goOn();
    await two.end('true');
    await two.age(1);
    const conversation = join(one.home.paths.copilot, 'session-state', one.input.subagent.copilotSessionId);
    await mkdir(conversation, { recursive: true });
    const outputs = [one, two].map(({ home, input }) => join(home.paths.outputs, runFolder(input.subagent)));
    const there = (): boolean[] => [one.cwd, conversation, ...outputs].map((path) => existsSync(path));
    expect(there()).toEqual([true, true, true, true]);
    return { one, two, there };
  }

  it('has nothing removed that is the later one’s by now, also with force', async () => {
    const { one, two, there } = await both();
    expect(await one.clean({ force: true })).toMatchObject({
      removed: ['outputs'],
      kept: [{ what: 'worktree', where: one.cwd, why: 'run 2 continued it' }],
    });
    expect(there()).toEqual([true, true, false, true]);
    expect((await two.clean()).removed).toEqual(['worktree', 'branch', 'copilot', 'outputs']);
    expect(await one.clean()).toMatchObject({ removed: [], kept: [] });
    expect(readRuns(one.home)).toEqual([]);
  });

  it('is as old as the later one, and removed with it', async () => {
    const { one, there } = await both();
    expect(await one.retain(14)).toBe('');
    expect(there()).toEqual([true, true, true, true]);
    expect(await one.retain(0.5)).toMatch(
      /removed worktree, branch, copilot, outputs of main\/fix@2\n.*removed outputs of main\/fix@1$/,
    );
    expect(there()).toEqual([false, false, false, false]);
    expect(readRuns(one.home)).toEqual([]);
  });
});

describe('files that were kept in a commit on no branch', () => {
  const keptAt = 'refs/subagents/kept';
  const old = (days: number) => {
    const at = `${Math.floor(Date.now() / 1000) - days * 86_400} +0000`;
    return { GIT_COMMITTER_DATE: at, GIT_AUTHOR_DATE: at };
  };
  /** A set-up finds a file that somebody put there, as it looked long ago. */
  async function begin(): Promise<{ run: Run; ref: string }> {
    const run = await Run.begin();
    await writeFile(join(run.cwd, 'README.md'), 'only here');
    const env = {
      ...process.env,
      ...old(400),
      GIT_AUTHOR_NAME: 'x',
      GIT_AUTHOR_EMAIL: 'x@x',
      GIT_COMMITTER_NAME: 'x',
      GIT_COMMITTER_EMAIL: 'x@x',
    };
    await workspaceBench(run.home).setUp(run.input, run.workspace, ['true']);
    const found = await run.repo.git('for-each-ref', '--format=%(refname)', keptAt);
    expect(found).toMatch(/^refs\/subagents\/kept\/fix@1-[^/]+\/[0-9a-f]{40}$/);
    // As old as it would be after more than a year.
    const { stdout } = await execa('git', ['commit-tree', `${found}^{tree}`, '-m', 'Files that lay there'], {
      cwd: run.repo.path,
      env,
    });
    await run.repo.git('update-ref', found, stdout);
    return { run, ref: found };
  }

  it('stay however old they are, are named by clean, and go with force alone', async () => {
    const { run, ref } = await begin();
    await writeFile(join(run.cwd, 'README.md'), 'also only here');
    const again = await workspaceBench(run.home).collect(run.input, run.workspace);
    expect(again.evidence.commitCount).toBe(1);
    const kept = { what: 'kept', where: ref, why: expect.stringContaining('Files that lay there') as string };
    expect((await run.clean()).kept).toContainEqual(kept);
    await run.retain(0);
    expect(await run.repo.git('show', `${ref}:README.md`)).toBe('only here');
    expect(await run.clean({ force: true })).toMatchObject({
      kept: [],
      removed: expect.arrayContaining(['kept']) as string[],
    });
    expect(await run.repo.git('for-each-ref', keptAt)).toBe('');
  });

  it('are also commits that its subagent made and left on no branch', async () => {
    const run = await Run.begin();
    const sha = await run.repo.commit('A try', { 'c.txt': 'c' }, run.cwd);
    await run.repo.in(run.cwd)('reset', '--quiet', '--hard', 'HEAD~1');
    await run.end();
    const { removed, kept } = await run.clean();
    expect(removed).toContain('worktree');
    expect(kept).toMatchObject([{ what: 'kept', why: expect.stringContaining('A try') as string }]);
    await run.repo.git('gc', '--quiet', '--prune=now');
    expect(await run.repo.git('show', `${sha}:c.txt`)).toBe('c');
    expect((await run.clean({ force: true })).kept).toEqual([]);
    expect(await run.repo.git('for-each-ref', keptAt)).toBe('');
  });

  it('hold nothing back once a branch has them', async () => {
    const { run, ref } = await begin();
    await run.repo.git('branch', 'taken', ref);
    await run.end();
    expect((await run.clean()).kept).toEqual([]);
  });
});

describe('what the permissions or the links of a worktree say', () => {
  /** Runs as one to whom permissions count, with what the run has. */
  const asUser = (run: Run, work: () => Promise<void>): Promise<void> =>
    asOrdinaryUser([dirname(run.repo.path), dirname(run.home.root)], work);

  it('lets read-only folders go with the rest, such as a cache of modules', async () => {
    const run = await Run.begin();
    await asUser(run, async () => {
      await writeFile(join(run.repo.path, '.git/info/exclude'), 'cache/\n');
      const module = join(run.cwd, 'cache/mod/example@1');
      await mkdir(module, { recursive: true });
      await writeFile(join(module, 'a.go'), 'package a');
      await chmod(join(module, 'a.go'), 0o400);
      for (const folder of [module, dirname(module)]) await chmod(folder, 0o500);
      expect(await run.clean({ force: true })).toMatchObject({ kept: [] });
      expect(existsSync(run.cwd)).toBe(false);
      expect(existsSync(`${run.cwd}.removed`)).toBe(false);
    });
  });

  it('keeps all where a folder may not be looked into, unless it is forced', async () => {
    const run = await Run.begin();
    await asUser(run, async () => {
      const closed = join(run.cwd, 'closed');
      await mkdir(closed);
      await writeFile(join(closed, 'only.txt'), 'only here');
      await chmod(closed, 0);
      const { removed, kept } = await run.clean();
      expect(removed).toEqual([]);
      expect(kept[0]?.why).toContain('closed');
      await chmod(closed, 0o700);
      expect(existsSync(join(closed, 'only.txt'))).toBe(true);
      await chmod(closed, 0);
      expect(await run.clean({ force: true })).toMatchObject({ kept: [] });
      expect(existsSync(run.cwd)).toBe(false);
    });
  });

  it.skipIf(process.getuid?.() !== 0)(
    'is said truly where only a part goes, and a later clean goes on',
    async () => {
      const run = await Run.begin();
      const foreign = join(run.cwd, 'foreign');
      await asUser(run, async () => {
        await mkdir(foreign);
        await writeFile(join(foreign, 'of-root.txt'), '');
      });
      await chown(foreign, 0, 0);
      await asOrdinaryUser([], async () => {
        const { kept, removed } = await run.clean({ force: true });
        const why = expect.stringContaining('only a part of it was removed: EACCES') as string;
        expect(kept).toEqual([{ what: 'worktree', where: `${run.cwd}.removed`, why }]);
        expect(removed).not.toContain('worktree');
      });
      await asUser(run, async () => expect(await run.clean({ force: true })).toMatchObject({ kept: [] }));
      expect(existsSync(`${run.cwd}.removed`)).toBe(false);
    },
  );

  it('never has anything removed through a link, and not what another folder holds', async () => {
    const run = await Run.begin();
    const moved = `${run.repo.path}-moved`;
    await rename(run.cwd, moved);
    await symlink(moved, run.cwd);
    expect((await run.clean()).kept).toEqual([
      { what: 'worktree', where: run.cwd, why: `it was moved to ${moved}` },
    ]);
    await rm(run.cwd);
    await mkdir(run.cwd);
    await writeFile(join(run.cwd, 'theirs.txt'), '');
    expect((await run.clean({ force: true })).kept).toEqual([
      {
        what: 'worktree',
        where: run.cwd,
        why: 'another folder is there now, not the one that was made for this subagent',
      },
    ]);
    await rm(run.cwd, { recursive: true });
    await symlink(run.repo.path, run.cwd);
    expect(await run.clean()).toMatchObject({ kept: [], removed: ['worktree', 'branch'] });
    expect(await run.repo.git('status', '--porcelain', '--branch')).toBe('## main');
  });

  it('has a branch that is another name of main go by itself, and only when it is forced', async () => {
    const run = await Run.begin();
    await run.repo.git('symbolic-ref', 'refs/heads/subagents/fix', 'refs/heads/main');
    expect((await run.clean()).kept).toEqual([
      { what: 'branch', where: 'subagents/fix', why: 'it became a symbolic reference to refs/heads/main' },
    ]);
    expect(await run.clean({ force: true })).toMatchObject({ kept: [], removed: ['branch'] });
    expect(await run.repo.git('for-each-ref', '--format=%(refname)')).toBe('refs/heads/main');
  });
});
