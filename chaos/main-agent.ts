/** The main agent of a chaos run: spawns, steers, answers and kills, and retries failed calls, as a caller would. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KillReport, SessionHandle } from '../src/client/index.ts';
import { SubagentsError, type Announcement, type Receipt } from '../src/contract/index.ts';
import type { ModelLog } from './model-log.ts';
import type { Plan, PlannedSubagent } from './plan.ts';
import { answerText, steerText, taskOf, verificationOf } from './scenario.ts';

const RETRY_MS = 400;
const CALL_TIMEOUT_MS = 20_000;
/** How often a subagent announced as asking may return no questions before that is accepted. */
const EMPTY_TRIES = 50;
/** Pause spawning above this many live subagents, because more would only wait. */
const MAX_LIVE = 60;

/** A steer with its receipt; undefined if the subagent had ended. */
export interface Steered {
  readonly label: string;
  readonly text: string;
  readonly receipt: Receipt | undefined;
}

export interface MainAgentOptions {
  readonly session: SessionHandle;
  readonly repo: string;
  /** Folder where verification commands create files that show that they run. */
  readonly folder: string;
  readonly log: ModelLog;
  readonly signal: AbortSignal;
}

export class MainAgent {
  readonly steered: Steered[] = [];
  readonly kills = new Map<string, KillReport | undefined>();
  /** Specs that were refused, with the reason. */
  readonly refused: { readonly label: string; readonly reason: string }[] = [];
  /** Number of errors of retried calls, by code. */
  readonly errors = new Map<string, number>();
  readonly ended = new Set<string>();
  /** Calls without an answer so far, or with errors only. */
  readonly unanswered = new Set<string>();
  /** Resolves when the first spawn was accepted, so that the session exists. */
  readonly begun: Promise<void>;
  readonly #asked = new Set<string>();
  #begin: () => void = () => undefined;
  readonly #options: MainAgentOptions;
  #spawned = 0;

  constructor(options: MainAgentOptions) {
    this.#options = options;
    this.begun = new Promise((resolve) => (this.#begin = resolve));
  }

  /** Handles an announcement. */
  hear({ id, kind, label }: Announcement): void {
    if (kind === 'question') {
      this.#asked.add(label);
      if (!label.startsWith('killed')) void this.#answer(label).catch(() => undefined);
    }
    if (id.endsWith(':ended')) this.ended.add(label);
  }

  /** Resolves when every subagent was spawned, and all planned steers and kills are done. */
  async work({ seed, subagents, waves }: Plan): Promise<void> {
    const { session, repo, folder } = this.#options;
    const left = [...subagents];
    const accompanied: Promise<void>[] = [];
    for (const [index, size] of waves.entries()) {
      while (this.#spawned - this.ended.size > MAX_LIVE && !this.#over) await delay(50);
      const wave = left.splice(0, size);
      const specs = wave.map((each) => ({
        label: each.label,
        task: taskOf(each),
        repo,
        verify: verificationOf(each, folder),
      }));
      // The same id for all retries, so that a spawn whose answer was lost is not repeated.
      const options = { requestId: `chaos-${seed}-${index}`, timeoutMs: CALL_TIMEOUT_MS };
      const answers = await this.#persistently(`spawn ${index}`, () => session.spawn(specs, options));
      for (const answer of answers ?? [])
        if (!answer.accepted) this.refused.push({ label: answer.label, reason: answer.reason });
      this.#begin();
      this.#spawned += wave.length;
      accompanied.push(...wave.map((each) => this.#accompany(each)));
    }
    await Promise.all(accompanied);
  }

  get #over(): boolean {
    return this.#options.signal.aborted;
  }

  async #accompany(subagent: PlannedSubagent): Promise<void> {
    if (subagent.kind === 'steered') await this.#steer(subagent);
    if (subagent.kind === 'killed') await this.#kill(subagent);
  }

  async #steer({ label, count }: PlannedSubagent): Promise<void> {
    const handle = this.#options.session.subagent(label);
    await this.#until(label, () => this.#called(label, '1.long'));
    for (let index = 1; index <= count; index++) {
      const text = steerText(label, index);
      const id = `${label}-${index}`;
      const receipt = await this.#persistently(`steer ${id}`, () =>
        handle.steer(text, { id, timeoutMs: CALL_TIMEOUT_MS }),
      );
      this.steered.push({ label, text, receipt });
    }
  }

  async #kill({ label, killWhen }: PlannedSubagent): Promise<void> {
    const { session, folder, repo } = this.#options;
    const moment = {
      'at-once': () => true,
      // The branch is created right before the Copilot session is opened.
      beginning: () => existsSync(join(repo, '.git/refs/heads/subagents', label)),
      working: () => this.#called(label, '1.stay'),
      asking: () => this.#asked.has(label),
      verifying: () => existsSync(join(folder, `verifying-${label}`)),
    }[killWhen];
    await this.#until(label, moment);
    this.kills.set(
      label,
      await this.#persistently(`kill ${label}`, () =>
        session.subagent(label).kill({ timeoutMs: CALL_TIMEOUT_MS }),
      ),
    );
  }

  async #answer(label: string): Promise<void> {
    const handle = this.#options.session.subagent(label);
    // Questions are open before they are announced, but `describe` may find no worker to answer it.
    const ask = async () =>
      (await this.#persistently(`describe ${label}`, () => handle.describe()))?.questions ?? [];
    let questions = await ask();
    for (let tries = 0; questions.length === 0 && tries < EMPTY_TRIES && !this.ended.has(label); tries++) {
      await delay(RETRY_MS);
      questions = await ask();
    }
    for (const { id, question } of questions) {
      const answer = () =>
        handle.answer(answerText(label, question), { questionId: id, timeoutMs: CALL_TIMEOUT_MS });
      await this.#persistently(`answer ${id}`, answer, ['UNKNOWN_TARGET']);
    }
  }

  #called(label: string, step: string): boolean {
    return this.#options.log.of(label).issued.some((each) => each.step === step);
  }

  /** Waits until `time` returns true, or the subagent has ended. */
  async #until(label: string, time: () => boolean): Promise<void> {
    while (!this.#over && !this.ended.has(label) && !time()) await delay(30);
  }

  /**
   * Retries a call until it succeeds. Undefined if the subagent has ended, if an error in `final` means that it is
   * already done, or at the end of the run.
   */
  async #persistently<T>(
    what: string,
    call: () => Promise<T>,
    final: readonly string[] = [],
  ): Promise<T | undefined> {
    this.unanswered.add(what);
    while (!this.#over) {
      try {
        const answer = await call();
        this.unanswered.delete(what);
        return answer;
      } catch (error) {
        const code = error instanceof SubagentsError ? error.code : 'INTERNAL';
        if (code === 'ALREADY_ENDED' || final.includes(code)) {
          this.unanswered.delete(what);
          return undefined;
        }
        if (code === 'BAD_INPUT') throw error;
        this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
        await delay(RETRY_MS);
      }
    }
    return undefined;
  }
}
