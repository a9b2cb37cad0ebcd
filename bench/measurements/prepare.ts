/**
 * Time to prepare a worktree of a repository with 10,000 files, compared with plain `git worktree add` of the same
 * commit.
 */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createWorkspaceActivities } from '../../activities/workspace/workspace.ts';
import { resolvedSpec, type SubagentRef } from '../../src/contract/index.ts';
import { makeRepository } from '../../src/demo/repository.ts';
import { Git } from '../../src/git/git.ts';
import { openHome } from '../../src/home/home.ts';
import { sweep } from '../../src/home/sweep.ts';
import { now } from '../clock.ts';
import { besidePeer } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { BENCH_AUTHOR } from '../tasks.ts';

const FILES = 10_000;
const FILES_A_FOLDER = 100;
/** As a multiple of `git worktree add`. */
const GOAL = 1.2;

export const prepare: Measurement = {
  name: 'prepare',
  defaultRuns: 5,
  async measure({ runs, progress }) {
    Object.assign(process.env, { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' });
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'subagents-bench-')));
    try {
      const first = { ours: [] as number[], peers: [] as number[] };
      const second = { ours: [] as number[], peers: [] as number[] };
      for (let run = 1; run <= runs; run++) {
        // A new repository and home each time, so that caches are not warm from the previous run.
        const place = join(folder, String(run));
        const bench = await Bench.begin(place);
        // The sides take turns to begin, because the first one finds a colder disk.
        for (const into of [first, second]) {
          const steps = [
            async () => into.peers.push(await bench.plain()),
            async () => into.ours.push(await bench.ours()),
          ];
          for (const step of run % 2 === 0 ? steps : steps.reverse()) await step();
        }
        progress(
          `${run} of ${runs}: ours ${first.ours.at(-1)?.toFixed(0)} and ${second.ours.at(-1)?.toFixed(0)} ms, ` +
            `git worktree add ${first.peers.at(-1)?.toFixed(0)} and ${second.peers.at(-1)?.toFixed(0)} ms`,
        );
        await rm(place, { recursive: true, force: true });
      }
      return [
        ...besidePeer('prepare-first', 'ms', first, GOAL),
        ...besidePeer('prepare-second', 'ms', second, GOAL),
      ];
    } finally {
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
  },
};

class Bench {
  readonly #place: string;
  readonly #commit: string;
  readonly #activities: ReturnType<typeof createWorkspaceActivities>;
  #worktrees = 0;

  private constructor(
    place: string,
    commit: string,
    activities: ReturnType<typeof createWorkspaceActivities>,
  ) {
    this.#place = place;
    this.#commit = commit;
    this.#activities = activities;
  }

  static async begin(place: string): Promise<Bench> {
    const repo = join(place, 'repo');
    const files: Record<string, string> = {};
    for (let folder = 0; folder < FILES / FILES_A_FOLDER; folder++)
      for (let file = 0; file < FILES_A_FOLDER; file++)
        files[`src/part-${folder}/file-${file}.ts`] = Array.from(
          { length: 40 },
          (_, line) => `export const v${line} = ${folder * file + line};\n`,
        ).join('');
    const commit = await makeRepository(repo, { ...BENCH_AUTHOR, files, message: 'Ten thousand files' });
    const home = await openHome(join(place, 'home'));
    const runState = async () => 'open' as const;
    return new Bench(
      place,
      commit,
      createWorkspaceActivities({
        settings: { repos: undefined },
        home,
        runState,
        sweep,
        hasConversation: () => false,
      }),
    );
  }

  /** Runs plain `git worktree add`. @returns its time in milliseconds */
  async plain(): Promise<number> {
    const name = `plain-${++this.#worktrees}`;
    const began = now();
    await Git.at(join(this.#place, 'repo')).run([
      'worktree',
      'add',
      '--quiet',
      '-b',
      name,
      join(this.#place, name),
      this.#commit,
    ]);
    return now() - began;
  }

  /** Runs our activity that prepares a workspace. @returns its time in milliseconds */
  async ours(): Promise<number> {
    const label = `ours-${++this.#worktrees}`;
    const subagent: SubagentRef = {
      session: 'bench',
      label,
      run: 1,
      workflowId: `subagent/bench/${label}`,
      runId: `run-${label}`,
      copilotSessionId: `bench-${label}`,
    };
    const spec = resolvedSpec.parse({
      label,
      task: 'none',
      repo: join(this.#place, 'repo'),
      isolation: 'worktree',
      verify: [],
      base: { commit: this.#commit, name: 'HEAD' },
      hostQueue: 'none',
    });
    const began = now();
    await new MockActivityEnvironment().run(this.#activities.prepareWorkspace, { subagent, spec });
    return now() - began;
  }
}
