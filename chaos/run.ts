/**
 * A chaos run: many subagents at once, while the parts they depend on are killed, terminated and frozen. Then checks
 * from the outside whether anything was lost.
 */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { endMarked, killAll, MARK, markedProcesses } from '../bench/processes.ts';
import { closeWhenInterrupted, type Open } from '../bench/interruption.ts';
import { Subagents } from '../src/client/index.ts';
import { processesIn } from '../src/demo/process-table.ts';
import { startScriptedModel, type ScriptedModel } from '../src/demo/scripted-model.ts';
import { startEmbedded } from '../src/temporal/embedded/server.ts';
import { announcements } from './checks/announcements.ts';
import { calls } from './checks/calls.ts';
import { outcomes } from './checks/outcomes.ts';
import { parts } from './checks/parts.ts';
import { processes } from './checks/processes.ts';
import { steers } from './checks/steers.ts';
import { workspaces } from './checks/workspaces.ts';
import type { Check, Facts } from './facts.ts';
import { MainAgent } from './main-agent.ts';
import { ModelLog } from './model-log.ts';
import { makePlan, type Plan, type PlannedStrike } from './plan.ts';
import { COMES_AND_GOES, Received, receiveInPieces, receiveThroughout } from './receivers.ts';
import type { Loss, Report, Row } from './report.ts';
import { A_PROJECT } from '../bench/tasks.ts';
import { makeRepository } from '../src/demo/repository.ts';
import { callsOf, chaosScenario } from './scenario.ts';
import { ServerUnderTest, type ForeignServer, type StartServer } from './server.ts';
import { strike, type Struck } from './strikes.ts';
import { WorkerUnderTest } from './worker.ts';

/** In the order of the table. */
const CHECKS: readonly Check[] = [outcomes, announcements, steers, calls, processes, workspaces, parts];
/** Milliseconds that the receiver that comes and goes stays each time. */
const PIECE_MS = 5_000;
const LOOK_MS = 100;
/** After all subagents have ended, every call of the main agent must be answered within this many milliseconds. */
const ANSWER_MS = 60_000;

export interface ChaosOptions {
  readonly seed: number;
  readonly subagents: number;
  /** Number of workers, each with its own home; at least two are recommended. */
  readonly workers: number;
  readonly strikes: number;
  /** Concurrent subagents on each worker. */
  readonly slots: number;
  /** Longest freeze, in milliseconds. */
  readonly longestFreezeMs: number;
  /** Give up when there was no announcement, model call or strike for this many milliseconds. */
  readonly patienceMs: number;
  /**
   * An external server, which is not struck, or a function that starts one on the same data and port each time.
   * Default: an embedded one.
   */
  readonly server?: ForeignServer | StartServer | undefined;
  /** Whether to keep the folder of the run if something was lost. */
  readonly keep: boolean;
  readonly progress: (line: string) => void;
  /** Called often with the progress of the run. */
  readonly standing?: (standing: Standing) => void;
}

/** The progress of a run. */
export interface Standing {
  readonly ended: number;
  readonly subagents: number;
  readonly strikes: number;
  readonly requests: number;
}

/** Runs chaos, cleans up, and reports. @throws if it cannot be set up */
export async function runChaos(options: ChaosOptions): Promise<Report> {
  const plan = makePlan({
    ...options,
    strikeServer: options.server === undefined || typeof options.server === 'function',
  });
  await using chaos = await Chaos.open(options, plan);
  return await chaos.run();
}

class Chaos implements Open {
  readonly #options: ChaosOptions;
  readonly #plan: Plan;
  readonly #folder: string;
  readonly #log = new ModelLog();
  readonly #over = new AbortController();
  readonly #undo: (() => Promise<unknown>)[] = [];
  readonly #unregister: () => void;
  #kept = false;
  #closed: Promise<void> | undefined;

  private constructor(options: ChaosOptions, plan: Plan, folder: string) {
    this.#options = options;
    this.#plan = plan;
    this.#folder = folder;
    this.#unregister = closeWhenInterrupted(this);
  }

  static async open(options: ChaosOptions, plan: Plan): Promise<Chaos> {
    // Ignores the git configuration of user and system, here and in all child processes.
    Object.assign(process.env, { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' });
    return new Chaos(options, plan, await realpath(await mkdtemp(join(tmpdir(), 'subagents-chaos-'))));
  }

  async run(): Promise<Report> {
    const began = Date.now();
    const { seed, workers: count } = this.#plan;
    const { subagents } = this.#options;
    const facts = await this.#setUp();
    const struck = await this.#live(facts);
    this.#options.progress('everything has ended; looking');
    const rows: Row[] = [];
    const losses: Loss[] = [];
    for (const check of CHECKS) {
      const found = await check(facts);
      rows.push(...found.rows);
      losses.push(...found.losses);
    }
    this.#kept = this.#options.keep && losses.length > 0;
    await this[Symbol.asyncDispose]();
    const left = await processesIn(this.#folder);
    rows.push({
      name: 'processes left after everything was stopped',
      expected: 0,
      got: left.length,
      lost: left.length,
    });
    losses.push(
      ...left.map(({ pid, command }) => ({ check: 'end', what: `process ${pid} is left: ${command}` })),
    );
    return {
      seed,
      subagents,
      workers: count,
      durationMs: Date.now() - began,
      rows,
      losses,
      strikes: struck.map(({ afterMs, ...each }) => ({ ...each, ...(afterMs !== undefined && { afterMs }) })),
      errors: Object.fromEntries(facts.agent.errors),
      ...(this.#kept && { folder: this.#folder }),
    };
  }

  /** Closes the run once; further calls wait for that. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close().finally(this.#unregister);
    return this.#closed;
  }

  abandon(): void {
    killAll(markedProcesses(this.#folder));
  }

  async #setUp(): Promise<Facts> {
    const { progress, slots } = this.#options;
    const { folder, env, model } = await this.#ground();
    const repo = join(folder, 'project');
    const base = await makeRepository(repo, {
      ...A_PROJECT,
      author: 'Chaos',
      email: 'chaos@example.invalid',
    });
    progress(`everything of this run is in ${folder}`);
    const server = await ServerUnderTest.open(this.#options.server ?? this.#embedded(env));
    this.#undo.push(() => server.stop());
    const at = { address: server.address, namespace: server.namespace };
    const workers: WorkerUnderTest[] = [];
    this.#undo.push(() => Promise.all(workers.map((each) => each.stop())));
    for (let index = 1; index <= this.#plan.workers; index++)
      workers.push(
        await WorkerUnderTest.start({
          home: join(folder, `home-${index}`),
          env: { ...env, SUBAGENTS_SLOTS: String(slots) },
          ...at,
        }),
      );
    const subagents = await Subagents.connect({ ...at, home: join(folder, 'home-1'), env });
    this.#undo.push(() => subagents.close());
    const connection = await Connection.connect({ address: server.address });
    this.#undo.push(() => connection.close());
    const session = subagents.session(`chaos-${model.url.split(':')[2]?.split('/')[0] ?? '0'}`);
    const agent = new MainAgent({ session, repo, folder, log: this.#log, signal: this.#over.signal });
    return {
      folder,
      repo,
      base,
      session,
      agent,
      server,
      workers,
      log: this.#log,
      subagents: this.#plan.subagents,
      client: new Client({ connection, namespace: server.namespace }),
      stayed: new Received(),
      cameAndWent: new Received(),
    };
  }

  /** Starts the model, and builds the environment of everything that is started. */
  async #ground(): Promise<{ folder: string; env: NodeJS.ProcessEnv; model: ScriptedModel }> {
    const model = await startScriptedModel([chaosScenario(this.#plan.subagents, this.#log)]);
    this.#undo.push(() => model.stop());
    const env = { ...process.env, ...model.env, [MARK]: this.#folder };
    return { folder: this.#folder, env, model };
  }

  #embedded(env: NodeJS.ProcessEnv): StartServer {
    // Outside the default range, so that no other process takes the port while the server is down.
    const own = 20_000 + Math.floor(Math.random() * 8_000);
    return (port = own) =>
      startEmbedded({
        dataDir: join(this.#folder, 'temporal'),
        logFile: join(this.#folder, 'temporal.log'),
        onProgress: this.#options.progress,
        env,
        ports: { grpc: port },
      });
  }

  /** Lets the main agent work while parts are struck, until all subagents have ended or nothing happens any more. */
  async #live({ agent, session, server, workers, subagents, stayed, cameAndWent }: Facts): Promise<Struck[]> {
    const { signal } = this.#over;
    let movedAt = Date.now();
    let strikes = 0;
    const all = subagents.reduce((sum, each) => sum + callsOf(each), 0);
    const onStrike = ({ part, way, worker, forMs }: PlannedStrike): void => {
      strikes++;
      movedAt = Date.now();
      const which = part === 'server' ? '' : ` ${worker + 1}`;
      this.#options.progress(`strike ${strikes}: ${way} ${part}${which}, ${forMs} ms`);
    };
    const allEnded = new AbortController();
    const struck = strike(
      this.#plan.strikes,
      { server, workers },
      {
        progress: () => this.#log.requests / all,
        onStrike,
        signal: AbortSignal.any([signal, allEnded.signal]),
      },
    );
    const work = agent.work(this.#plan);
    await Promise.race([agent.begun, work]);
    // A session stores announcements for a receiver from the receiver's first call on; it knows `main` from its start.
    while (!signal.aborted) {
      try {
        await session.acknowledge('none yet', { receiver: COMES_AND_GOES });
        break;
      } catch {
        await delay(LOOK_MS); // the server is away
      }
    }
    const followed = receiveThroughout(
      session,
      stayed,
      (announcement) => {
        movedAt = Date.now();
        agent.hear(announcement);
      },
      signal,
    );
    const inPieces = receiveInPieces(session, cameAndWent, PIECE_MS, signal);
    const failures: unknown[] = [];
    for (const each of [followed, inPieces, struck, work])
      each.catch((error: unknown) => failures.push(error));
    const { patienceMs, standing } = this.#options;
    while (agent.ended.size < subagents.length && !signal.aborted) {
      if (failures.length > 0) throw failures[0];
      if (Date.now() - Math.max(movedAt, this.#log.lastAt) > patienceMs) break;
      standing?.({
        ended: agent.ended.size,
        subagents: subagents.length,
        strikes,
        requests: this.#log.requests,
      });
      await delay(LOOK_MS);
    }
    allEnded.abort();
    const done = await struck;
    await Promise.race([Promise.all(workers.map((each) => each.settled())), delay(patienceMs)]);
    await Promise.race([work, delay(Math.min(patienceMs, ANSWER_MS))]);
    // Lets the receiver that comes and goes catch up.
    const missing = (): boolean => [...stayed.counts.keys()].some((id) => !cameAndWent.counts.has(id));
    for (const until = Date.now() + 3 * PIECE_MS; missing() && Date.now() < until;) await delay(LOOK_MS);
    this.#over.abort();
    await Promise.allSettled([followed, inPieces]);
    return done;
  }

  async #close(): Promise<void> {
    this.#over.abort();
    for (const step of this.#undo.splice(0).reverse()) await step().catch(() => undefined);
    // Remaining processes are in the report, but must not outlive the run.
    await endMarked(this.#folder);
    if (!this.#kept)
      await rm(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}
