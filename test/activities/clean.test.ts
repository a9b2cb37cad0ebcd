/** What is removed of a run and what is not, case by case, on a real home and real repositories. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { cleanRun, type CleanDependencies } from '../../activities/clean.ts';
import type { PrepareInput, Workspace } from '../../src/contract/index.ts';
import type { Home } from '../../src/home/home.ts';
import { readRuns, type RunRecord } from '../../src/home/run-record.ts';
import { temporaryHome } from '../support/home.ts';
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
    const { evidence, notes } = await bench.collect(this.input, this.workspace);
    if (verify.length > 0) await bench.verify(this.input, { cwd: this.cwd, head: evidence.head }, verify);
    return notes;
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
    expect(notes).toContain('the submodule libs/ä b has 1 commit that only the worktree has');
    expect(notes).toContain(`git -C ${at('libs/ä b/inner')} push`);
    await repo.git('merge', '--quiet', 'subagents/fix');
    const why = 'its submodule libs/ä b has 1 commit that is nowhere else';
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
    expect((await run.clean()).kept[0]?.why).toBe('its submodule nested has 1 commit that is nowhere else');
    await run.repo.in(join(run.cwd, 'nested'))('push', '--quiet', 'origin', 'HEAD:refs/heads/nested');
    expect((await run.clean()).removed).toContain('worktree');
  });
});
