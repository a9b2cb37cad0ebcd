/** A scripted model, a Copilot runtime and workspaces for tests of turns; everything of it is gone after `close`. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { execa } from 'execa';
import { createDeliverActivities } from '../../activities/turn/deliver.ts';
import { createTurnActivities } from '../../activities/turn/turn.ts';
import type {
  DeliverResult,
  ActivityProgress,
  SubagentRef,
  TurnInput,
  TurnResult,
} from '../../src/contract/index.ts';
import { CopilotPool } from '../../src/copilot/runtime/pool.ts';
import type { SpaceBounds } from '../../src/copilot/turn/space-watch.ts';
import type { Runtime } from '../../src/copilot/runtime/runtime.ts';
import { sweep } from '../../src/home/sweep.ts';
import { PATIENCE_MS } from './eventually.ts';
import { startScriptedModel, type Scenario, type ScriptedModel } from './model.ts';

/** A scenario for the subagent whose task says `word`. */
export const on = (word: string, steps: Scenario['steps']): Scenario => ({
  when: ({ userMessages }) => userMessages[0]?.includes(word) ?? false,
  steps,
});

/**
 * A shell command as a step. A long sleep stays in the foreground: by default Copilot leaves a command in the background after
 * 30 s, and calls the model again, which on a busy machine is before the test has looked.
 */
export const bash = (command: string, more: object = {}) => {
  const stays = /\bsleep \d{3}/.test(command) && { initial_wait: 900 };
  return { tools: [{ name: 'bash', arguments: { command, description: 'test', ...stays, ...more } }] };
};

const LATE = `trap 'git commit --quiet --allow-empty -m late; exit' TERM; touch ready; while true; do sleep 0.05; done`;
/** Leaves a process behind that commits when the sweep asks it to end. */
export const COMMITS_AT_ITS_END = `(nohup setsid bash -c "${LATE}" >/dev/null 2>&1 &); until [ -e ready ]; do sleep 0.05; done; rm ready`;

/** A turn that runs. */
export interface RunningTurn {
  readonly result: Promise<TurnResult>;
  readonly environment: MockActivityEnvironment;
  /** Heartbeat details so far. */
  readonly beats: ActivityProgress[];
}

export interface BenchOptions {
  readonly hungModelMs?: number;
  /** Of the worker, over this process's and the scripted model's. */
  readonly env?: NodeJS.ProcessEnv;
  /** Asked again and again while a turn runs. */
  readonly space?: SpaceBounds;
}

export class TurnBench {
  readonly model: ScriptedModel;
  readonly root: string;
  readonly #options: BenchOptions;
  /** Of the worker, over all else, from the next `restart` on. */
  env: NodeJS.ProcessEnv = {};
  pool: CopilotPool;
  readonly #subagents: SubagentRef[] = [];

  private constructor(model: ScriptedModel, root: string, options: BenchOptions) {
    this.model = model;
    this.root = root;
    this.#options = options;
    this.pool = this.#newPool();
  }

  static async start(scenarios: readonly Scenario[], options: BenchOptions = {}): Promise<TurnBench> {
    const root = await mkdtemp(join(tmpdir(), 'subagents-turns-'));
    return new TurnBench(await startScriptedModel(scenarios), root, options);
  }

  get copilotHome(): string {
    return join(this.root, 'copilot');
  }

  #newPool(): CopilotPool {
    const env = { ...process.env, ...this.model.env, ...this.#options.env, ...this.env };
    return new CopilotPool({ home: { paths: { copilot: this.copilotHome } }, env });
  }

  /** A worker that was shut down and started again, as far as Copilot goes. */
  async restart(): Promise<void> {
    await this.pool.stop();
    this.pool = this.#newPool();
  }

  /** A worker that was killed, and another that took its place, as far as Copilot goes. Gives the runtime that it had. */
  async replaceWorker(): Promise<Runtime> {
    const runtime = await this.pool.runtime();
    this.pool = this.#newPool();
    return runtime;
  }

  /** Kills the runtime as a crash would, and returns what was its process id. */
  async killRuntime(): Promise<number> {
    const runtime = await this.pool.runtime();
    const dead = new Promise<void>((resolve) => runtime.onDeath(() => resolve()));
    process.kill(runtime.pid, 'SIGKILL');
    await dead;
    return runtime.pid;
  }

  /** A subagent, and a git repository for it to work in. */
  async subagent(label: string): Promise<{ subagent: SubagentRef; cwd: string }> {
    const cwd = join(this.root, 'work', label);
    await mkdir(cwd, { recursive: true });
    await execa('git', ['init', '-q', '-b', 'main'], { cwd });
    const subagent = {
      session: 'test',
      label,
      run: 1,
      workflowId: `subagent/test/${label}`,
      runId: 'run',
      // Of this bench alone: a sweep looks at every process of the machine.
      copilotSessionId: `test-${label}-${randomUUID().slice(0, 8)}`,
    };
    this.#subagents.push(subagent);
    return { subagent, cwd };
  }

  /** Runs a turn in an activity environment of its own. */
  run(input: Partial<TurnInput> & Pick<TurnInput, 'subagent' | 'cwd'>): RunningTurn {
    const { runTurn } = createTurnActivities({
      pool: this.pool,
      ...(this.#options.space && { space: this.#options.space }),
      ...(this.#options.hungModelMs !== undefined && { hungModelMs: this.#options.hungModelMs }),
    });
    const environment = new MockActivityEnvironment({ heartbeatTimeoutMs: 10_000 });
    const beats: ActivityProgress[] = [];
    environment.on('heartbeat', (details: ActivityProgress) => beats.push(details));
    const whole: TurnInput = {
      turn: 1,
      prompt: input.subagent.label,
      budgetMs: 2 * PATIENCE_MS,
      stuckAfterMs: PATIENCE_MS,
      stuckRepeats: 20,
      isolation: 'in-place',
      lostBefore: 0,
      ...input,
    };
    return { result: environment.run(runTurn, whole), environment, beats };
  }

  /** Attempts at a turn, one after the other as a workflow makes them (without its pauses): at most `most`. Gives their results. */
  async attempts(input: Parameters<TurnBench['run']>[0], most: number): Promise<TurnResult[]> {
    const results: TurnResult[] = [];
    for (let left = most; left > 0; left--) {
      const result = await this.run({ ...input, ...(left === 1 && { lastAttempt: true }) }).result;
      results.push(result);
      if (result.kind !== 'failed' || !result.retryable) break;
    }
    return results;
  }

  /** Steers in an activity environment of its own. */
  steer(
    subagent: SubagentRef,
    steerId: string,
    message: string,
    {
      interrupt = false,
      environment = new MockActivityEnvironment(),
    }: { interrupt?: boolean; environment?: MockActivityEnvironment } = {},
  ): Promise<DeliverResult> {
    const { deliverSteer } = createDeliverActivities({ pool: this.pool });
    return environment.run(deliverSteer, {
      subagent,
      steerId,
      message,
      turn: 1,
      interrupt,
    });
  }

  async close(): Promise<void> {
    await this.pool.stop();
    for (const { copilotSessionId } of this.#subagents) await sweep(copilotSessionId);
    await this.model.stop();
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Settles when `condition` holds; throws with `what` when a test's patience is over. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
