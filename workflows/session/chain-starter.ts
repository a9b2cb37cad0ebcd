/**
 * Starts a chain for a session: checks the request, reserves its labels, admits its steps, and starts one child
 * workflow.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { CancellationScope, ParentClosePolicy, startChild } from '@temporalio/workflow';
import {
  CHAIN,
  chainRequest,
  chainWorkflowId,
  MAIN_QUEUE,
  oneLine,
  type Admission,
  type ChainInput,
  type ChainRequest,
  type ResolvedChain,
  type SessionEntry,
  type SpawnAnswer,
} from '../../src/contract/index.ts';
import { graphLine } from '../../src/chain/graph.ts';
import type { Labels } from './labels.ts';
import { runsOf, type SessionState } from './session-state.ts';
import { senderOfMessage } from '../shared/sender.ts';
import { codeBlock } from '../shared/panel-text.ts';
import { admit, KEYS } from './starting.ts';
import { refused, type Starts } from './starts.ts';

/** What to start: the request without the fields that identify it. */
type Start = Omit<ChainRequest, 'requestId' | 'digest'> & Pick<ChainInput, 'by'>;

export class ChainStarter {
  readonly #session: string;
  readonly #state: SessionState;
  readonly #starts: Starts;
  readonly #labels: Labels;

  constructor(session: string, state: SessionState, starts: Starts, labels: Labels) {
    this.#session = session;
    this.#state = state;
    this.#starts = starts;
    this.#labels = labels;
  }

  /** Returns the parsed request. Throws `ApplicationFailure`, as an Update validator must. */
  parse(request: ChainRequest): ChainRequest {
    return this.#starts.parse(chainRequest, request);
  }

  /** Answers `accepted` once the chain's workflow has started. Requests with the same id start one chain. */
  async start(request: ChainRequest): Promise<SpawnAnswer> {
    const { requestId, digest, ...parsed } = this.parse(request);
    const by = senderOfMessage();
    const { chain } = parsed;
    const [answer] = await this.#starts.answerOnce({ requestId, digest }, async () => [
      await this.#start({ ...parsed, by }),
    ]);
    return answer ?? refused(chain.label, 'INTERNAL', 'the session returned no answer for the chain');
  }

  async #start(request: Start): Promise<SpawnAnswer> {
    await this.#starts.ready;
    const { chain, fingerprint } = request;
    const { label } = chain;
    const before = this.#starts.acceptedBefore(label, fingerprint);
    if (before) return before;
    // Reserved before the next await, so that no other handler can take the label meanwhile.
    const taken = this.#labels.reserveChain(label, chain.steps.length);
    if (taken) return taken;
    const answer = this.#admit(request);
    this.#starts.admitting(label, fingerprint, answer);
    return answer;
  }

  async #admit(request: Start): Promise<SpawnAnswer> {
    const { label, steps } = request.chain;
    try {
      const admissions = await admit(this.#session, steps.map(({ spec }) => spec).filter(isAlone));
      const refusal = admissions.find(
        (each): each is Extract<Admission, { admitted: false }> => !each.admitted,
      );
      if (refusal) return refused(label, refusal.code, refusal.reason, refusal.remedy);
      const notes = admissions.flatMap((each) => (each.admitted ? (each.notes ?? []) : []));
      return await this.#run(request, [...new Set(notes)]);
    } finally {
      this.#labels.release(label);
    }
  }

  async #run({ chain, carried, fingerprint, by }: Start, notes: string[]): Promise<SpawnAnswer> {
    const { label, steps } = chain;
    const state = this.#state;
    const workflowId = chainWorkflowId(this.#session, label);
    const run = runsOf(state, label) + 1;
    const runs = Object.fromEntries(
      Object.entries(state.runs).filter(([name]) => name.startsWith(`${label}.`)),
    );
    const task = chain.description ?? graphLine(steps);
    const input: ChainInput = {
      session: this.#session,
      label,
      run,
      chain,
      runs,
      by,
      ...(carried && { carried }),
    };
    const repo = steps[0]?.spec.repo ?? '';
    try {
      const handle = await CancellationScope.nonCancellable(() =>
        startChild(CHAIN.workflow, {
          workflowId,
          taskQueue: MAIN_QUEUE,
          args: [input],
          // With any other policy, continue-as-new of the session would end its children.
          parentClosePolicy: ParentClosePolicy.ABANDON,
          staticSummary: `chain ${label}`,
          staticDetails: codeBlock(task),
          memo: {
            label,
            run,
            session: this.#session,
            task: oneLine(task, 120),
            repo,
            ...(fingerprint !== undefined && { fingerprint }),
          },
          typedSearchAttributes: [
            { key: KEYS.session, value: this.#session },
            { key: KEYS.label, value: label },
            { key: KEYS.status, value: 'working' },
          ],
        }),
      );
      const runId = handle.firstExecutionRunId;
      const entry: SessionEntry = {
        label,
        run,
        workflowId,
        runId,
        status: 'working',
        task: oneLine(task, 120),
        repo,
        ...(fingerprint !== undefined && { fingerprint }),
        startedAt: new Date().toISOString(),
      };
      this.#starts.recordStarted(entry, handle.result());
      return { status: 'accepted', label, run, workflowId, runId, notes };
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError)
        return refused(
          label,
          'LABEL_LIVE',
          `a chain ${label} of an earlier session is still live`,
          'use another label, or kill it first',
        );
      return refused(label, 'INTERNAL', String(error));
    }
  }
}

/**
 * Only worktree steps are admitted together with the chain. An in-place step claims its checkout, so it is admitted
 * when it starts.
 */
const isAlone = ({ isolation }: ResolvedChain['steps'][number]['spec']): boolean => isolation === 'worktree';
