/**
 * Spawning: parse, reserve, admit, start. A spec is accepted once its workflow has started; a refused one leaves
 * nothing behind.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy } from '@temporalio/workflow';
import {
  spawnRequest,
  type Admission,
  type ResolvedSpec,
  type SessionEntry,
  type SpawnAnswer,
  type SpawnRequest,
} from '../../src/contract/index.ts';
import type { Labels } from './labels.ts';
import { senderOfMessage } from '../shared/sender.ts';
import { runsOf, type SessionState } from './session-state.ts';
import { admit, admittedInput, startSubagent } from './starting.ts';
import { refused, type Refused, type Starts } from './starts.ts';

export class Spawner {
  readonly #session: string;
  readonly #state: SessionState;
  readonly #starts: Starts;
  readonly #labels: Labels;
  readonly #admitting = new Set<ResolvedSpec>();

  constructor(session: string, state: SessionState, starts: Starts, labels: Labels) {
    this.#session = session;
    this.#state = state;
    this.#starts = starts;
    this.#labels = labels;
  }

  /** Returns the parsed request. Throws `ApplicationFailure`, as an Update validator must. */
  parse(request: SpawnRequest): SpawnRequest {
    return this.#starts.parse(spawnRequest, request);
  }

  /** Answers each spec in order. Requests with the same id spawn once, even after continue-as-new. */
  spawn(request: SpawnRequest): Promise<SpawnAnswer[]> {
    const { specs, ...named } = this.parse(request);
    const by = senderOfMessage();
    return this.#starts.answerOnce(named, () => this.#spawn(specs, by));
  }

  async #spawn(specs: readonly ResolvedSpec[], by: string): Promise<SpawnAnswer[]> {
    if (this.#starts.ready) await this.#starts.ready;
    // Reserved before any other await, so that no other handler can take the label meanwhile.
    const reserved = specs.map(
      (spec) => this.#starts.acceptedBefore(spec.label, spec.fingerprint) ?? this.#reserve(spec),
    );
    const answered = this.#admit(specs, by, reserved);
    specs.forEach((spec, index) => {
      if (reserved[index] !== undefined) return;
      const answer = answered.then((answers) => answers[index] as SpawnAnswer);
      this.#starts.admitting(spec.label, spec.fingerprint, answer);
    });
    return answered;
  }

  async #admit(
    specs: readonly ResolvedSpec[],
    by: string,
    reserved: readonly (SpawnAnswer | Promise<SpawnAnswer> | undefined)[],
  ): Promise<SpawnAnswer[]> {
    try {
      const open = specs.filter((_, index) => reserved[index] === undefined);
      const admissions = await admit(this.#session, open);
      return await Promise.all(
        specs.map(async (spec, index) => reserved[index] ?? this.#start(spec, by, admissions.shift())),
      );
    } finally {
      for (const spec of specs.filter((_, index) => reserved[index] === undefined)) {
        this.#admitting.delete(spec);
        this.#labels.release(spec.label);
      }
    }
  }

  /** Reserves the label, or returns the refusal. */
  #reserve(spec: ResolvedSpec): Refused | undefined {
    const { label, continues } = spec;
    const remedy = continues ? 'steer it instead' : 'use another label, or steer or kill the live one';
    const taken = this.#labels.reserve(label, remedy);
    if (taken) return taken;
    const unfit = this.#unfit(spec);
    if (unfit) this.#labels.release(label);
    else this.#admitting.add(spec);
    return unfit;
  }

  #unfit({ label, repo, isolation, continues }: ResolvedSpec): Refused | undefined {
    const newest = runsOf(this.#state, label);
    if (continues && continues.run < newest)
      return refused(
        label,
        'BAD_INPUT',
        `${label}@${continues.run} is not the newest run`,
        `continue ${label}@${newest}`,
      );
    const worksThere = (other: Pick<SessionEntry, 'isolation' | 'repo'>): boolean =>
      other.isolation === 'in-place' && other.repo === repo;
    const live = Object.values(this.#state.live);
    // A queued subagent has not yet claimed the checkout.
    const sameCheckout =
      isolation === 'in-place' && ([...this.#admitting].find(worksThere) ?? live.find(worksThere));
    if (sameCheckout)
      return refused(
        label,
        'CHECKOUT_BUSY',
        `${sameCheckout.label} already works in ${repo} in place`,
        'wait until it has ended, or leave out in-place',
      );
    return undefined;
  }

  async #start(spec: ResolvedSpec, by: string, admission: Admission | undefined): Promise<SpawnAnswer> {
    const { label } = spec;
    if (!admission) return refused(label, 'INTERNAL', 'the worker did not answer for this spec');
    if (!admission.admitted) return refused(label, admission.code, admission.reason, admission.remedy);
    const run = Math.max(runsOf(this.#state, label), spec.continues?.run ?? 0) + 1;
    const child = admittedInput({ session: this.#session, label, run, spec, by }, admission);
    try {
      // With any other policy, continue-as-new of the session would end its children.
      const { handle, entry } = await startSubagent(child, ParentClosePolicy.ABANDON);
      const { workflowId, runId } = entry;
      this.#starts.recordStarted(entry, handle.result());
      return { status: 'accepted', label, run, workflowId, runId, notes: [...(admission.notes ?? [])] };
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) {
        return refused(
          label,
          'LABEL_LIVE',
          `a subagent ${label} of an earlier session is still live`,
          'use another label, or kill it first',
        );
      }
      return refused(label, 'INTERNAL', String(error));
    }
  }
}
