/** The handles of the library, as interfaces. */
import type {
  Announcement,
  AnswerReceipt,
  ApprovalReceipt,
  ChainSpec,
  CleanReport,
  ContinueSpec,
  ErrorCode,
  KillReport,
  MergeReport,
  OpenApproval,
  Outcome,
  Receipt,
  SessionListing,
  SpawnAccepted,
  SpawnRefused,
  SpawnSpec,
  SubagentDescription,
  SubagentDiff,
  SubagentIdentity,
  TranscriptEntry,
} from '../contract/index.ts';
import type {
  AnnouncementOptions,
  AnswerOptions,
  ApproveOptions,
  ChainOptions,
  CleanOptions,
  DiffOptions,
  KillOptions,
  ListOptions,
  MergeOptions,
  ReceivedAnnouncement,
  RejectOptions,
  ResultOptions,
  RetryOptions,
  SpawnOptions,
  SteerOptions,
  TranscriptOptions,
} from './types.ts';

/** A main agent's durable side. Get one from `Subagents.session()`. */
export interface SessionHandle {
  readonly name: string;

  /**
   * Starts a subagent. Returns once its workflow has started, with a handle of this run only. Without `withChanges`,
   * uncommitted changes of the caller's checkout are not part of a worktree; the handle's notes say how many there are.
   * @throws SubagentsError BAD_INPUT, LIMIT, NOT_A_REPOSITORY, UNKNOWN_BASE, NO_WORKER, TIMEOUT; also the code of a
   *   refusal by the session: LABEL_LIVE, CHECKOUT_BUSY, MODEL_REFUSED, NO_MODEL, LIMIT.
   * @example
   * ```ts
   * const fix = await session.spawn({ label: 'fix-login', task: 'The login test fails. Fix it, and commit.', verify: ['npm test'] });
   * console.log(fix.workflowId, ...fix.notes);
   * const { status, summary } = await fix.result();
   * console.log(status, summary);
   * ```
   */
  spawn(spec: SpawnSpec, options?: SpawnOptions): Promise<SpawnedSubagent>;
  /**
   * Starts several subagents in one request. Returns a handle or a refusal for each spec, in order. A refusal does not
   * affect the other specs.
   * @throws SubagentsError BAD_INPUT or LIMIT for a malformed spec (then nothing is spawned), NO_WORKER, TIMEOUT.
   * @example
   * ```ts
   * const spawned = await session.spawn(['api', 'web'].map((label) => ({ label, task: `Update the dependencies of ${label}/.` })));
   * for (const each of spawned) {
   *   if (each.accepted) console.log(each.label, (await each.result()).status);
   *   else console.error(each.label, each.code, each.reason, each.remedy ?? '');
   * }
   * ```
   */
  spawn(specs: readonly SpawnSpec[], options?: SpawnOptions): Promise<(SpawnedSubagent | SpawnRefusal)[]>;

  /**
   * Starts a chain: a graph of steps, each a subagent, whose tasks may quote the outcomes of earlier steps. The whole
   * chain is checked before any step starts. The handle stands for the chain; each step is a subagent `label.step`.
   * @throws SubagentsError BAD_INPUT for an invalid chain, and what `spawn` throws for a step.
   * @example
   * ```ts
   * const chain = await session.chain({
   *   label: 'limits',
   *   steps: [
   *     { id: 'research', task: 'Find out where requests are limited.', permissions: 'read-only' },
   *     { id: 'implement', task: 'Add a limit for each user: {{research.report}}', verify: ['npm test'] },
   *   ],
   * });
   * const { steps } = await chain.result();
   * console.log(steps?.map(({ label, status }) => `${label}: ${status}`));
   * ```
   */
  chain(spec: ChainSpec, options?: ChainOptions): Promise<SpawnedSubagent>;

  /**
   * Runs again the steps of a chain that are not done (and `from`, if given), with all steps that need them. The other
   * steps keep their outcomes, which can be quoted.
   * @throws SubagentsError BAD_INPUT when there is nothing to run again, LABEL_LIVE, UNKNOWN_TARGET, LOST, and what `chain` throws.
   * @example
   * ```ts
   * const again = await session.retryChain('limits', { from: 'implement' });
   * console.log(again.run, (await again.result()).status);
   * ```
   */
  retryChain(target: string, options?: RetryOptions): Promise<SpawnedSubagent>;

  /**
   * Lists the live subagents and the newest finished ones. Also works without a worker; the listing then says so.
   * @example
   * ```ts
   * const { live } = await session.list();
   * for (const { label, status, stalled } of live) console.log(label, status, stalled?.reason ?? '');
   * ```
   */
  list(options?: ListOptions): Promise<SessionListing>;

  /**
   * The tool calls of the session's subagents that wait for an approval, oldest first.
   * @throws SubagentsError NO_WORKER when no worker is there, which alone knows them.
   * @example
   * ```ts
   * for (const { label, id, what } of await session.approvals()) console.log(label, id, what);
   * ```
   */
  approvals(): Promise<OpenApproval[]>;

  /**
   * Yields the session's announcements as they arrive: first those that the receiver has not acknowledged, then new
   * ones, across lost connections and restarts of server and workers. Delivery is at least once; within one iteration
   * each announcement comes once. Asking for the next item acknowledges the previous one, so the last item of a loop
   * that is left comes again. Waits for a session that does not exist yet.
   * @example
   * ```ts
   * for await (const { kind, label, summary } of session.announcements()) {
   *   console.log(`${label} ${kind}: ${summary}`);
   *   if (kind === 'question') await session.subagent(label).answer('Decide yourself.');
   * }
   * ```
   */
  announcements(options?: AnnouncementOptions): AsyncGenerator<ReceivedAnnouncement, void, undefined>;

  /**
   * The announcements that `receiver` has not acknowledged, oldest first. Acknowledges none of them. Empty for a
   * session that does not exist.
   * @example
   * ```ts
   * for (const { id, summary } of await session.peek()) console.log(id, summary);
   * ```
   */
  peek(options?: { readonly receiver?: string | undefined }): Promise<Announcement[]>;

  /**
   * Acknowledges the announcements with these ids for `receiver`.
   * @example
   * ```ts
   * const waiting = await session.peek();
   * await session.acknowledge(waiting.map(({ id }) => id));
   * ```
   */
  acknowledge(
    ids: string | readonly string[],
    options?: { readonly receiver?: string | undefined },
  ): Promise<void>;

  /**
   * Removes worktrees, branches and Copilot state of the session's finished subagents. Without `force`, keeps commits
   * that are on no other branch and uncommitted files, and reports them. The subagents stay listed, with their
   * outcomes.
   * @throws SubagentsError NO_WORKER, TIMEOUT.
   * @example
   * ```ts
   * const { runs, freedBytes } = await session.clean({ merged: true });
   * console.log(`${runs.length} cleaned, ${freedBytes} bytes freed`);
   * ```
   */
  clean(options?: CleanOptions): Promise<CleanReport>;

  /**
   * Ends the session if its workflow fails at every attempt: it then accepts and announces nothing. The next spawn
   * starts a new session, which takes over the live subagents.
   * @returns whether the session was ended
   * @example
   * ```ts
   * if (await session.endIfFailing()) console.log('the next spawn starts this session anew');
   * ```
   */
  endIfFailing(): Promise<boolean>;

  /**
   * A handle of a subagent of this session. The server is not called until the handle is used; an unknown target then
   * throws UNKNOWN_TARGET with the candidates.
   * @param target a label, a unique prefix, a workflow id, `last`, or `label@N` for an earlier run
   * @example
   * ```ts
   * await session.subagent('fix-login').steer('Leave the session cookie alone.');
   * ```
   */
  subagent(target: string): SubagentHandle;
}

/**
 * A handle of a subagent. From `SessionHandle.spawn()` and `Subagents.find()` it stands for one run. From
 * `SessionHandle.subagent()` it looks its target up at every call: a label is its newest run, `label@N` always that
 * run.
 */
export interface SubagentHandle {
  /** The target that the handle stands for or looks up, for example `fix-login` or `fix-login@2`. */
  readonly target: string;
  readonly session: string;

  /**
   * Finds the run that the target names.
   * @throws SubagentsError UNKNOWN_TARGET or AMBIGUOUS_TARGET, with the candidates.
   * @example
   * ```ts
   * const { label, run } = await session.subagent('last').identity();
   * console.log(`${label}@${run}`);
   * ```
   */
  identity(): Promise<SubagentIdentity>;

  /**
   * Sends a message to the live subagent. The receipt says how it was delivered. Messages arrive in the order of the
   * calls.
   * @throws SubagentsError ALREADY_ENDED (naming its outcome), NO_WORKER, TIMEOUT, UNKNOWN_TARGET, BAD_INPUT.
   * @example
   * ```ts
   * const { delivery, during } = await subagent.steer('Leave the session cookie alone.');
   * console.log(delivery, during);
   * ```
   */
  steer(message: string, options?: SteerOptions): Promise<Receipt>;

  /**
   * Answers a question of the subagent. The receipt names the question and those that are still open. Repeating an
   * answer that the question already has succeeds.
   * @throws SubagentsError as `steer`; WHICH_QUESTION, listing the open questions, when several were asked together and
   * `questionId` names none of them; ALREADY_ANSWERED when the question has a different answer; UNKNOWN_TARGET when no
   * such question is open, and none opens within 5 s while the subagent works.
   * @example
   * ```ts
   * const { questions } = await subagent.describe();
   * for (const { id } of questions) await subagent.answer('Decide yourself.', { questionId: id });
   * ```
   */
  answer(text: string, options?: AnswerOptions): Promise<AnswerReceipt>;

  /**
   * Approves a tool call that waits for that: the subagent makes the call and goes on. Repeating a decision that the
   * approval already has succeeds.
   * @throws SubagentsError as `steer`; WHICH_APPROVAL, listing the open approvals, when several were asked for together
   * and `approvalId` names none of them; ALREADY_DECIDED when the approval has a decision; UNKNOWN_TARGET when none
   * is open; BAD_INPUT when `always` is asked of a call that is of no kind; NEEDS_HUMAN in a shell of an agent.
   * @example
   * ```ts
   * const { approvals } = await subagent.describe();
   * for (const { id, what } of approvals)
   *   if (what.startsWith('git push')) await subagent.approve({ approvalId: id, why: 'reviewed' });
   * ```
   */
  approve(options?: ApproveOptions): Promise<ApprovalReceipt>;

  /**
   * Rejects a tool call that waits for an approval: the call is not made, and the subagent is told why.
   * @throws SubagentsError as `approve`
   * @example
   * ```ts
   * await subagent.reject({ why: 'Nothing is pushed before the review.' });
   * ```
   */
  reject(options?: RejectOptions): Promise<ApprovalReceipt>;

  /**
   * Ends the subagent and every process that it left, and reports what was found. With `force`, a subagent whose worker
   * is away or whose workflow fails at every attempt ends at once as *lost*, even without any worker; its processes
   * are then not searched for.
   * @throws SubagentsError ALREADY_ENDED, NO_WORKER or TIMEOUT (the kill stays requested), UNKNOWN_TARGET.
   * @example
   * ```ts
   * const { sweep } = await subagent.kill();
   * console.log(`${sweep?.found} processes found, ${sweep?.left.length} left (${sweep?.proof})`);
   * ```
   */
  kill(options?: KillOptions): Promise<KillReport>;

  /**
   * Waits for the subagent to end, and returns its outcome. A failed or killed subagent has an outcome too: check
   * `status`.
   * @throws LostRunError (code LOST) when the subagent was terminated from outside, or only its session's summary is
   *   left; SubagentsError TIMEOUT, UNKNOWN_TARGET.
   * @example
   * ```ts
   * const { status, evidence } = await subagent.result({ timeoutMs: 600_000 });
   * console.log(status, evidence?.branch, evidence?.commits);
   * ```
   */
  result(options?: ResultOptions): Promise<Outcome>;

  /**
   * Continues a subagent that has ended, whatever its status: a new run of the label with the same Copilot session,
   * branch and worktree, and with the spec of the previous run except for `changes`. Only the newest run can be
   * continued.
   * @returns a handle of the new run
   * @throws SubagentsError LABEL_LIVE (steer it instead), NO_WORKSPACE, BRANCH_GONE, CHECKOUT_BUSY, NO_WORKER when the
   *   worker that has its workspace is away, LOST when the server no longer has its spec; otherwise as
   *   `SessionHandle.spawn`.
   * @example
   * ```ts
   * const more = await subagent.continue('Add a test for the empty password, too.', { timeout: '30m' });
   * console.log(more.run, (await more.result()).status);
   * ```
   */
  continue(
    task: string,
    changes?: Omit<ContinueSpec, 'task'>,
    options?: SpawnOptions,
  ): Promise<SpawnedSubagent>;

  /**
   * Everything known about the subagent now. Also works without a worker; the description then says so.
   * @throws SubagentsError UNKNOWN_TARGET
   * @example
   * ```ts
   * const { status, doing, since, usage } = await subagent.describe();
   * console.log(`${status} since ${since}: ${doing}, ${usage?.outputTokens ?? 0} tokens`);
   * ```
   */
  describe(): Promise<SubagentDescription>;

  /**
   * The subagent's changes since its base. Must run on the machine that has the repository. For a live subagent: its
   * folder as it is, including uncommitted changes. For a finished one: its branch or, if that is gone, the commit of
   * its outcome; if it worked in place, the checkout as it is.
   * @throws SubagentsError NO_WORKSPACE, NOT_A_REPOSITORY (on another machine), NO_WORKER, UNKNOWN_TARGET, GIT.
   * @example
   * ```ts
   * const { text, truncated } = await subagent.diff({ stat: true });
   * console.log(text, truncated ? '(and more)' : '');
   * ```
   */
  diff(options?: DiffOptions): Promise<SubagentDiff>;

  /**
   * Merges the subagent's branch into the current branch of a checkout of its repository, completely or not at all.
   * Hooks do not run.
   * @throws SubagentsError STILL_LIVE, NOT_DONE and CAVEATS (without `force`), CHECKOUT_DIRTY, MERGE_CONFLICT (naming
   *   the files), NO_WORKSPACE, NOT_A_REPOSITORY, BAD_INPUT, UNKNOWN_TARGET, GIT.
   * @example
   * ```ts
   * const { how, into, commit } = await subagent.merge({ squash: true, message: 'Mend the login' });
   * console.log(`${how} into ${into}: ${commit}`);
   * ```
   */
  merge(options?: MergeOptions): Promise<MergeReport>;

  /**
   * Removes worktree, branch and Copilot state of a subagent that has ended. Without `force`, keeps commits that are on
   * no other branch and uncommitted files, and reports them. The outcome stays readable.
   * @throws SubagentsError STILL_LIVE, NO_WORKER, TIMEOUT, UNKNOWN_TARGET.
   * @example
   * ```ts
   * const { runs } = await subagent.clean({ dryRun: true });
   * for (const { removed, kept } of runs) console.log(removed, kept);
   * ```
   */
  clean(options?: CleanOptions): Promise<CleanReport>;

  /**
   * Yields what the subagent said and did, from Copilot's event log. Empty when the subagent never had a worker.
   * @throws SubagentsError NO_WORKER when the worker that has the log is away; LOST when the server no longer knows
   * which worker that is.
   * @example
   * ```ts
   * for await (const { kind, text } of subagent.transcript({ follow: true })) console.log(kind, text);
   * ```
   */
  transcript(options?: TranscriptOptions): AsyncGenerator<TranscriptEntry, void, undefined>;
}

/** A handle of a run of a subagent (or a chain) that was started. It keeps to this run when the label is used again. */
export interface SpawnedSubagent
  extends SubagentHandle, SubagentIdentity, Pick<SpawnAccepted, 'notes' | 'repeated'> {
  readonly accepted: true;
}

/** Why one spec of a list was not spawned. */
export interface SpawnRefusal extends Pick<SpawnRefused, 'label' | 'reason' | 'remedy'> {
  readonly accepted: false;
  readonly code: ErrorCode;
}
