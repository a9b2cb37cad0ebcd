/** Spawning: parse, reserve, ask the host, start. A spec is accepted when its workflow has started, or refused with nothing left behind. */
import {
  defineSearchAttributeKey,
  SearchAttributeType,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/common';
import { ApplicationFailure, CancellationScope, ParentClosePolicy, startChild } from '@temporalio/workflow';
import {
  MAIN_QUEUE,
  MAX_LIVE_SUBAGENTS,
  hostControlQueue,
  oneLine,
  SEARCH_ATTRIBUTES,
  spawnRequest,
  SUBAGENT,
  subagentWorkflowId,
  type Admission,
  type ResolvedSpec,
  type SessionEntry,
  type SpawnAnswer,
  type SpawnRequest,
  type SubagentInput,
} from '../src/contract/index.ts';
import { host, isLost } from './activity-calls.ts';
import { fence } from './panel.ts';
import { rememberRequest, type SessionState } from './session-state.ts';

const keyword = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
const KEYS = {
  session: keyword(SEARCH_ATTRIBUTES.session),
  label: keyword(SEARCH_ATTRIBUTES.label),
  status: keyword(SEARCH_ATTRIBUTES.status),
  repository: keyword(SEARCH_ATTRIBUTES.repository),
  model: keyword(SEARCH_ATTRIBUTES.model),
};

type Refused = Extract<SpawnAnswer, { status: 'refused' }>;

export class Spawner {
  /** Set when the session is ending: nothing is spawned any more. */
  closed = false;
  readonly #session: string;
  readonly #state: SessionState;
  readonly #on: { watch(child: SessionEntry): void; changed(): void };
  readonly #reserved = new Map<string, ResolvedSpec>();
  readonly #underWay = new Map<string, Promise<SpawnAnswer[]>>();
  #known: Promise<void> | undefined;

  constructor(
    session: string,
    state: SessionState,
    on: { watch(child: SessionEntry): void; changed(): void },
  ) {
    this.#session = session;
    this.#state = state;
    this.#on = on;
  }

  /** Nothing is spawned before `known`: until then it is not known which labels are taken. */
  after(known: Promise<void>): void {
    this.#known = known;
  }

  /** Throws `ApplicationFailure`, as an Update validator must. */
  parse(request: SpawnRequest): SpawnRequest {
    if (this.closed)
      throw ApplicationFailure.nonRetryable(`session ${this.#session} is ending`, 'ALREADY_ENDED');
    const parsed = spawnRequest.safeParse(request);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw ApplicationFailure.nonRetryable(
      `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'illegal request'}`,
      'BAD_INPUT',
    );
  }

  /** Answers each spec in order. The same request id spawns once, also after a continue-as-new. */
  spawn(request: SpawnRequest): Promise<SpawnAnswer[]> {
    const { requestId, specs } = this.parse(request);
    const answered = this.#state.requests.find(({ id }) => id === requestId);
    if (answered) return Promise.resolve(answered.answers);
    const underWay = this.#underWay.get(requestId);
    if (underWay) return underWay;
    const answers = this.#spawn(specs).then((done) => {
      rememberRequest(this.#state, requestId, done);
      return done;
    });
    this.#underWay.set(requestId, answers);
    return answers.finally(() => this.#underWay.delete(requestId));
  }

  async #spawn(specs: readonly ResolvedSpec[]): Promise<SpawnAnswer[]> {
    if (this.#known) await this.#known;
    // Before any other await, so that nothing that runs meanwhile can take the same label.
    const reserved = specs.map((spec) => this.#reserve(spec));
    try {
      const admissions = await this.#admit(specs.filter((_, index) => reserved[index] === undefined));
      return await Promise.all(
        specs.map(async (spec, index) => reserved[index] ?? this.#start(spec, admissions.shift())),
      );
    } finally {
      specs.forEach((spec, index) => reserved[index] ?? this.#reserved.delete(spec.label));
    }
  }

  /** Reserves the label, or says why not. */
  #reserve(spec: ResolvedSpec): Refused | undefined {
    const { label, repo, isolation, continues } = spec;
    if (this.#state.live[label] || this.#reserved.has(label)) {
      return refused(
        label,
        'LABEL_LIVE',
        `${label} is live in session ${this.#session}`,
        continues ? 'steer it instead' : 'use another label, or steer or kill the live one',
      );
    }
    const newest = this.#state.runs[label] ?? 0;
    if (continues && continues.run < newest)
      return refused(
        label,
        'BAD_INPUT',
        `${label}@${continues.run} is not the newest run`,
        `continue ${label}@${newest}`,
      );
    const live = Object.keys(this.#state.live).length + this.#reserved.size;
    if (live >= MAX_LIVE_SUBAGENTS)
      return refused(
        label,
        'LIMIT',
        `session ${this.#session} has ${live} live subagents`,
        'wait until some have ended',
      );
    const sameCheckout =
      isolation === 'in-place' &&
      [...this.#reserved.values()].find((other) => other.isolation === 'in-place' && other.repo === repo);
    if (sameCheckout)
      return refused(
        label,
        'CHECKOUT_BUSY',
        `${sameCheckout.label} works in ${repo} in place`,
        'wait for it, or leave out in-place',
      );
    this.#reserved.set(label, spec);
    return undefined;
  }

  /** Asks a worker of each spec's host, which alone can see the checkout. */
  async #admit(specs: readonly ResolvedSpec[]): Promise<Admission[]> {
    const queue = specs[0]?.hostQueue;
    if (queue === undefined) return [];
    const names = specs.map(({ label }) => label).join(', ');
    const summary = `admits ${names.slice(0, 80)}`;
    try {
      for (;;) {
        const answer = await host(hostControlQueue(queue)).admit.executeWithOptions({ summary }, [
          { session: this.#session, specs },
        ]);
        if (!isLost(answer)) return answer;
      }
    } catch (error) {
      const reason = `no worker of the host answered: ${String((error as Error).cause ?? error)}`;
      return specs.map(() => ({
        admitted: false,
        code: 'NO_WORKER',
        reason,
        remedy: 'start one with: subagents up',
      }));
    }
  }

  async #start(spec: ResolvedSpec, admission: Admission | undefined): Promise<SpawnAnswer> {
    const { label } = spec;
    if (!admission) return refused(label, 'INTERNAL', 'the host gave no answer for it');
    if (!admission.admitted) return refused(label, admission.code, admission.reason, admission.remedy);
    const run = Math.max(this.#state.runs[label] ?? 0, spec.continues?.run ?? 0) + 1;
    const workflowId = subagentWorkflowId(this.#session, label);
    const model = spec.model ?? admission.model;
    const child: SubagentInput = {
      session: this.#session,
      label,
      run,
      spec: { ...spec, ...admission.defaults, ...(model !== undefined && { model }) },
    };
    try {
      const handle = await CancellationScope.nonCancellable(() =>
        startChild(SUBAGENT.workflow, this.#options(child, workflowId)),
      );
      const runId = handle.firstExecutionRunId;
      const entry: SessionEntry = {
        label,
        run,
        workflowId,
        runId,
        status: 'queued',
        task: oneLine(spec.task, 120),
        repo: spec.repo,
        ...(model !== undefined && { model }),
        startedAt: new Date().toISOString(),
      };
      this.#state.runs[label] = run;
      this.#state.live[label] = entry;
      this.#on.changed();
      const settled = (): void => {
        if (this.#state.live[label]?.run === run) this.#on.watch(entry);
      };
      void handle.result().then(settled, settled);
      return { status: 'accepted', label, run, workflowId, runId, notes: [...(admission.notes ?? [])] };
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) {
        return refused(
          label,
          'LABEL_LIVE',
          `a subagent ${workflowId} of an earlier session is still live`,
          'use another label, or kill it first',
        );
      }
      return refused(label, 'INTERNAL', String(error));
    }
  }

  #options(child: SubagentInput, workflowId: string) {
    const { label, spec } = child;
    return {
      workflowId,
      taskQueue: MAIN_QUEUE,
      args: [child],
      // At continue-as-new of the session any other policy would end its children.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `${label}: ${oneLine(spec.task, 150)}`,
      staticDetails: `${spec.isolation} of \`${spec.repo}\` at \`${spec.base.commit.slice(0, 12)}\`\n\n${fence(spec.task.slice(0, 8_000))}`,
      memo: { label, run: child.run, session: child.session, task: oneLine(spec.task, 120), repo: spec.repo },
      typedSearchAttributes: [
        { key: KEYS.session, value: child.session },
        { key: KEYS.label, value: label },
        { key: KEYS.status, value: 'queued' },
        { key: KEYS.repository, value: spec.repo.slice(-255) },
        ...(spec.model === undefined ? [] : [{ key: KEYS.model, value: spec.model.slice(0, 255) }]),
      ],
    };
  }
}

function refused(label: string, code: string, reason: string, remedy?: string): Refused {
  return { status: 'refused', label, code, reason, ...(remedy !== undefined && { remedy }) };
}
