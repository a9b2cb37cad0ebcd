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

  static async begin(repo?: Repository): Promise<Run> {
    const in_ = repo ?? (await temporaryRepository());
    const home = await temporaryHome();
    onTestFinished(async () => {
      await in_[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
    });
    const input = { subagent: subagentRef(), spec: specOf(in_) };
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
});
