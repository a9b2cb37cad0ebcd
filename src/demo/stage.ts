/**
 * The environment of the demo: a throw-away folder with a home and a repository, `up`, a connection; and its removal.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Subagents, type SessionHandle } from '../client/index.ts';
import { SubagentsError } from '../contract/index.ts';
import { sweep } from '../home/sweep.ts';
import { withoutTemporal } from '../temporal/environment.ts';
import { LINK_MS, linkIfEncrypted } from '../temporal/ui/access.ts';
import type { UpEvent } from '../worker/up/events.ts';
import { aborted } from '../worker/up/supervise-process.ts';
import { chooseDemoModel, type DemoModel } from './model.ts';
import { countText, type Narrator } from './narrator.ts';
import { processesIn } from './process-table.ts';
import { makeProject, runTests } from './project.ts';
import { RunningUp } from './running-up.ts';
import { pollUntil } from './until.ts';
import { ActivityFollower } from './watching.ts';

/** A server and a worker are ready within seconds, unless the server's program must be built first. */
const READY_TIMEOUT_MS = 15 * 60_000;
const KILL_TIMEOUT_MS = 15_000;
const EMPTY_TIMEOUT_MS = 3_000;

/** How long to wait for an expected event, in milliseconds; a real model is slow. */
const EVENT_TIMEOUT_MS = { scripted: 2 * 60_000, real: 10 * 60_000 };

export class Stage {
  readonly narrator: Narrator;
  readonly signal: AbortSignal;
  readonly folder: string;
  readonly #hurry: AbortSignal;
  readonly #env: NodeJS.ProcessEnv;
  /** Copilot sessions that were seen; processes they left are ended with the stage at the latest. */
  readonly copilotSessions = new Set<string>();
  #model: DemoModel | undefined;
  #up: RunningUp | undefined;
  #subagents: Subagents | undefined;
  #activity: ActivityFollower | undefined;
  #base = '';

  private constructor(options: StageOptions, folder: string) {
    this.narrator = options.narrator;
    this.signal = options.signal;
    this.#hurry = options.hurry;
    // Stopped before everything is killed, because `up` would restart what dies.
    options.hurry.addEventListener('abort', () => void this.#up?.stop());
    this.#env = withoutTemporal(options.env);
    this.folder = folder;
  }

  /** Creates the folder; nothing is started yet. */
  static async make(options: StageOptions): Promise<Stage> {
    return new Stage(options, await realpath(await mkdtemp(join(tmpdir(), 'subagents-demo-'))));
  }

  get home(): string {
    return join(this.folder, 'home');
  }
  get repo(): string {
    return join(this.folder, 'corner-shop');
  }
  /** The commit that everything starts from. */
  get base(): string {
    return this.#base;
  }
  get up(): RunningUp {
    return requireSetUp(this.#up);
  }
  get subagents(): Subagents {
    return requireSetUp(this.#subagents);
  }
  get session(): SessionHandle {
    return this.subagents.session();
  }
  /** Follows the activity of the subagents. */
  get activity(): ActivityFollower {
    return requireSetUp(this.#activity);
  }
  /** Whether the model's answers are scripted, so that every scene must happen. */
  get scripted(): boolean {
    return requireSetUp(this.#model).scripted;
  }
  /** How to get a real model, if the demo has none. */
  get modelRemedy(): string | undefined {
    return this.#model?.remedy;
  }
  get eventTimeoutMs(): number {
    return this.scripted ? EVENT_TIMEOUT_MS.scripted : EVENT_TIMEOUT_MS.real;
  }

  /** Sets up the repository with its failing test, server and worker, and the connection. */
  async open(): Promise<void> {
    const { narrator, signal } = this;
    const env = this.#env;
    this.#model = await chooseDemoModel(env, narrator);
    const report = ({ event, message, ...facts }: UpEvent): void =>
      narrator.report('up', event, sentence(message), facts);
    this.#up = await RunningUp.start({
      home: this.home,
      // All three at once, on any machine.
      env: { ...this.#model.env, SUBAGENTS_SLOTS: '3' },
      now: this.#hurry,
      onEvent: report,
      onProgress: (line) => narrator.report('up', 'progress', line),
    });
    this.#base = await makeProject(this.repo);
    narrator.report('demo', 'repository', `A small shop is in ${this.repo}. Its tests:`, {
      path: this.repo,
      base: this.#base,
    });
    const tests = await runTests(this.repo, signal);
    narrator.check(
      tests.exitCode === 1 && tests.failed === 1,
      'demo',
      'tests-before',
      `${countText(tests.failed, 'test')} of ${tests.passed + tests.failed} fails: "${tests.failures.join('", "')}". This real bug is to be fixed.`,
      { ...tests },
    );
    const worker = await pollUntil(() => this.up.worker(), { timeoutMs: READY_TIMEOUT_MS, signal });
    if (worker === undefined) throw new SubagentsError('TIMEOUT', 'no worker became ready');
    this.#subagents = await Subagents.connect({ home: this.home, env });
    this.#activity = new ActivityFollower(this.session, narrator, this.home);
    const { uiUrl, namespace } = this.subagents.target;
    const page = `${uiUrl}/namespaces/${namespace}/workflows`;
    const link = linkIfEncrypted(this.home, env, page);
    narrator.report(
      'demo',
      'web-ui',
      link === undefined
        ? `Watch in the Temporal Web UI: ${page}`
        : `Watch in the Temporal Web UI (this link lets one browser in, once, within ${LINK_MS / 60_000} minutes): ${link.url}`,
      { url: uiUrl },
    );
  }

  /** Kills live subagents and stops everything; the folder stays. Further calls do nothing. */
  async stop(): Promise<void> {
    await Promise.race([this.#killLive(), aborted(this.#hurry)]).catch((error: unknown) => {
      this.narrator.report(
        'demo',
        'problem',
        `The remaining processes could not be killed: ${String(error)}`,
      );
    });
    await this.#subagents?.close();
    this.#subagents = undefined;
    await this.#up?.stop();
    await this.#model?.stop();
    // Sweeps here in case no worker could: nothing may outlive the demo.
    await Promise.all([...this.copilotSessions].map((id) => sweep(id)));
  }

  /** Removes the folder, and checks whether anything is left. */
  async remove(): Promise<void> {
    const { folder, narrator } = this;
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    const none = async () => ((await processesIn(folder)).length === 0 ? true : undefined);
    await pollUntil(none, { timeoutMs: EMPTY_TIMEOUT_MS, signal: new AbortController().signal });
    const processes = await processesIn(folder);
    const gone = !existsSync(folder);
    const left = [
      ...(gone ? [] : [`the folder ${folder}`]),
      ...processes.map(({ pid, command }) => `process ${pid} (${command})`),
    ];
    narrator.check(
      left.length === 0,
      'demo',
      'removed',
      left.length === 0
        ? 'Stopped and removed: no process and no file of it is left.'
        : `Left behind: ${left.join(', ')}`,
      { folder, left },
    );
  }

  async #killLive(): Promise<void> {
    if (this.#subagents === undefined) return;
    const { live } = await this.session.list({ progress: false, finished: 0 });
    await Promise.all(
      live.map(({ label }) => this.session.subagent(label).kill({ timeoutMs: KILL_TIMEOUT_MS })),
    );
  }
}

export interface StageOptions {
  readonly narrator: Narrator;
  readonly env: NodeJS.ProcessEnv;
  /** Ends every wait. */
  readonly signal: AbortSignal;
  /** Ends even the wait for a clean stop. */
  readonly hurry: AbortSignal;
}

function requireSetUp<T>(value: T | undefined): T {
  if (value === undefined) throw new SubagentsError('INTERNAL', 'the stage is not set up');
  return value;
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
