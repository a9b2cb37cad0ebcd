/** The handles that the library gives: what each can do, without how it is done. */
import type {
  Announcement,
  AnswerReceipt,
  ChainSpec,
  ContinueSpec,
  ErrorCode,
  Outcome,
  Receipt,
  SpawnSpec,
  TranscriptEntry,
} from '../contract/index.ts';
import type {
  AnnouncementOptions,
  AnswerOptions,
  ChainOptions,
  CleanOptions,
  CleanReport,
  DiffOptions,
  KillOptions,
  KillReport,
  ListOptions,
  MergeOptions,
  MergeReport,
  ReceivedAnnouncement,
  ResultOptions,
  RetryOptions,
  SessionListing,
  SpawnOptions,
  SteerOptions,
  SubagentDescription,
  SubagentDiff,
  TranscriptOptions,
} from './types.ts';

/** Which run of which subagent a handle stands for. */
export interface SubagentIdentity {
  readonly session: string;
  readonly label: string;
  /** 1 for the first subagent of this label. */
  readonly run: number;
  readonly workflowId: string;
  /** First execution run id. */
  readonly runId: string;
}

/** A main agent's durable side. Get one from `Subagents.session()`. */
export interface SessionHandle {
  readonly name: string;

  /**
   * Hands over work. Answers once the subagent's workflow has started, with a handle that stands for this run alone.
   * Uncommitted changes of the caller's checkout are not part of a worktree; their count is in the handle's notes.
   * @throws SubagentsError BAD_INPUT, LIMIT, NOT_A_REPOSITORY, UNKNOWN_BASE, NO_WORKER, TIMEOUT; also what the session refused
   *   it for: LABEL_LIVE, CHECKOUT_BUSY, MODEL_REFUSED, NO_MODEL, LIMIT.
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
   * Hands over several at once, in one request: for each spec, in order, its handle or its refusal. A refused one does not
   * hinder the others.
   * @throws SubagentsError BAD_INPUT or LIMIT for a spec that is malformed (then nothing is spawned), NO_WORKER, TIMEOUT.
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
   * Starts a chain: steps that are subagents, whose tasks may quote what earlier ones came to. Everything is checked before
   * anything starts. The handle stands for the chain, and each step is a subagent as `label.step`.
   * @throws SubagentsError BAD_INPUT when something is wrong with it, and what `spawn` throws for a step.
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
   * Runs again what of a chain is not done, and all that needs it; with `from` that step too. What is done is quoted as before.
   * @throws SubagentsError BAD_INPUT when there is nothing to run again, LABEL_LIVE, UNKNOWN_TARGET, LOST, and what `chain` throws.
   * @example
   * ```ts
   * const again = await session.retryChain('limits', { from: 'implement' });
   * console.log(again.run, (await again.result()).status);
   * ```
   */
  retryChain(target: string, options?: RetryOptions): Promise<SpawnedSubagent>;

  /**
   * What is live, and the newest finished. Works without a worker too, and says so.
   * @example
   * ```ts
   * const { live } = await session.list();
   * for (const { label, status, stalled } of live) console.log(label, status, stalled?.reason ?? '');
   * ```
   */
  list(options?: ListOptions): Promise<SessionListing>;

  /**
   * Everything this session tells, as it comes: first what the receiver has not acknowledged, then on and on, across lost
   * connections and restarts of server and workers. Delivered at least once; each id of a run comes once per iteration. An item
   * counts as acknowledged when the next one is asked for, or by name; where a loop is left, its last item comes again.
   * Waits for a session that does not exist yet.
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
   * What `receiver` has not acknowledged, oldest first. Acknowledges nothing. Empty for a session that does not exist.
   * @example
   * ```ts
   * for (const { id, summary } of await session.peek()) console.log(id, summary);
   * ```
   */
  peek(options?: { readonly receiver?: string | undefined }): Promise<Announcement[]>;

  /**
   * Tells the session that `receiver` has the announcements with these ids.
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
   * Removes what is left of the finished subagents of this session: worktrees, branches and Copilot state. Commits that are on no
   * other branch and uncommitted files stay, and the report says so. They stay listed, and their outcomes readable.
   * @throws SubagentsError NO_WORKER, TIMEOUT.
   * @example
   * ```ts
   * const { runs, freedBytes } = await session.clean({ merged: true });
   * console.log(`${runs.length} cleaned, ${freedBytes} bytes freed`);
   * ```
   */
  clean(options?: CleanOptions): Promise<CleanReport>;

  /**
   * Ends the session where its workflow fails at each try to go on, and so neither takes on nor announces anything; gives whether it
   * did. The next spawn starts a new one, which takes over what lives.
   * @example
   * ```ts
   * if (await session.endIfFailing()) console.log('the next spawn starts this session anew');
   * ```
   */
  endIfFailing(): Promise<boolean>;

  /**
   * A subagent of this session: a label, a unique prefix, a workflow id, `last`, or `label@N` for an earlier run. Nothing is
   * asked of the server until the handle is used; then an unknown target is UNKNOWN_TARGET, with the candidates.
   * @example
   * ```ts
   * await session.subagent('fix-login').steer('Leave the session cookie alone.');
   * ```
   */
  subagent(target: string): SubagentHandle;
}

/**
 * One subagent. `SessionHandle.spawn()` and `Subagents.find()` give one that stands for one run. One from
 * `SessionHandle.subagent()` looks its target up at every call: a label is its newest run, `label@N` always the same one.
 */
export interface SubagentHandle {
  /** As it was asked for. */
  readonly target: string;
  readonly session: string;

  /**
   * Which subagent the target names.
   * @throws SubagentsError UNKNOWN_TARGET or AMBIGUOUS_TARGET, with the candidates.
   * @example
   * ```ts
   * const { label, run } = await session.subagent('last').identity();
   * console.log(`${label}@${run}`);
   * ```
   */
  identity(): Promise<SubagentIdentity>;

  /**
   * Sends a message to the live subagent, and says how it was delivered. Several keep the order of the calls.
   * @throws SubagentsError ALREADY_ENDED (naming its outcome), NO_WORKER, TIMEOUT, UNKNOWN_TARGET, BAD_INPUT.
   * @example
   * ```ts
   * const { delivery, during } = await subagent.steer('Leave the session cookie alone.');
   * console.log(delivery, during);
   * ```
   */
  steer(message: string, options?: SteerOptions): Promise<Receipt>;

  /**
   * Answers a question of the subagent; says which, and what is still open. An answer that the question has already is the same answer.
   * @throws SubagentsError as `steer`; WHICH_QUESTION, listing them, when several were asked together and none is named, or none that is open;
   *   ALREADY_ANSWERED when it has another answer; UNKNOWN_TARGET when no such question is open, nor is within 5 s of its work.
   * @example
   * ```ts
   * const { questions } = await subagent.describe();
   * for (const { id } of questions) await subagent.answer('Decide yourself.', { questionId: id });
   * ```
   */
  answer(text: string, options?: AnswerOptions): Promise<AnswerReceipt>;

  /**
   * Ends the subagent and every process it has left, and reports what was found. With `force`, one whose worker is away, or
   * whose workflow fails at each try to go on, ends at once, as *lost*, also where no worker is there at all: its processes cannot
   * be looked for.
   * @throws SubagentsError ALREADY_ENDED, NO_WORKER or TIMEOUT (the kill stays requested), UNKNOWN_TARGET.
   * @example
   * ```ts
   * const { sweep } = await subagent.kill();
   * console.log(`${sweep?.found} processes found, ${sweep?.left.length} left (${sweep?.proof})`);
   * ```
   */
  kill(options?: KillOptions): Promise<KillReport>;

  /**
   * How it ended; waits until it has. A failed or killed subagent has an outcome too: look at `status`.
   * @throws LostRunError (code LOST) when it was terminated from outside, or only its session's summary is left; SubagentsError
   *   TIMEOUT, UNKNOWN_TARGET.
   * @example
   * ```ts
   * const { status, evidence } = await subagent.result({ timeoutMs: 600_000 });
   * console.log(status, evidence?.branch, evidence?.commits);
   * ```
   */
  result(options?: ResultOptions): Promise<Outcome>;

  /**
   * Goes on with a subagent that has ended, however it did: a new run of the label with the same Copilot session, branch and
   * worktree, and all that the run before was spawned with but for what `changes` says. Only the newest run can be continued.
   * @returns a handle of the new run
   * @throws SubagentsError LABEL_LIVE (steer it instead), NO_WORKSPACE, BRANCH_GONE, CHECKOUT_BUSY, NO_WORKER when the worker
   *   that holds it is away, LOST when the server no longer knows how it was spawned; otherwise as `SessionHandle.spawn`.
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
   * Everything known of it right now. Works without a worker too, and says so.
   * @throws SubagentsError UNKNOWN_TARGET
   * @example
   * ```ts
   * const { status, doing, since, usage } = await subagent.describe();
   * console.log(`${status} since ${since}: ${doing}, ${usage?.outputTokens ?? 0} tokens`);
   * ```
   */
  describe(): Promise<SubagentDescription>;

  /**
   * What it has changed since its base, on the machine that has the repository. Of a live one its folder as it is, with what is
   * not committed; of a finished one its branch or, where that is gone, the commit of its outcome.
   * @throws SubagentsError NO_WORKSPACE, NOT_A_REPOSITORY (it is on another machine), NO_WORKER, UNKNOWN_TARGET, GIT.
   * @example
   * ```ts
   * const { text, truncated } = await subagent.diff({ stat: true });
   * console.log(text, truncated ? '(and more)' : '');
   * ```
   */
  diff(options?: DiffOptions): Promise<SubagentDiff>;

  /**
   * Merges its branch into the branch that a checkout of its repository is on: wholly, or not at all. Hooks do not run.
   * @throws SubagentsError STILL_LIVE, NOT_DONE (without `force`), CHECKOUT_DIRTY, MERGE_CONFLICT (naming the files),
   *   NO_WORKSPACE, NOT_A_REPOSITORY, BAD_INPUT, UNKNOWN_TARGET, GIT.
   * @example
   * ```ts
   * const { how, into, commit } = await subagent.merge({ squash: true, message: 'Mend the login' });
   * console.log(`${how} into ${into}: ${commit}`);
   * ```
   */
  merge(options?: MergeOptions): Promise<MergeReport>;

  /**
   * Removes what is left of it, once it is over: its worktree, its branch and its Copilot state. Commits that are on no other
   * branch and uncommitted files stay, and the report says so. Its outcome stays readable.
   * @throws SubagentsError STILL_LIVE, NO_WORKER, TIMEOUT, UNKNOWN_TARGET.
   * @example
   * ```ts
   * const { runs } = await subagent.clean({ dryRun: true });
   * for (const { removed, kept } of runs) console.log(removed, kept);
   * ```
   */
  clean(options?: CleanOptions): Promise<CleanReport>;

  /**
   * What it said and did, from Copilot's own event log. Empty when it never had a worker.
   * @throws SubagentsError NO_WORKER when the worker that has the log is away; LOST when the server no longer knows who that is.
   * @example
   * ```ts
   * for await (const { kind, text } of subagent.transcript({ follow: true })) console.log(kind, text);
   * ```
   */
  transcript(options?: TranscriptOptions): AsyncGenerator<TranscriptEntry, void, undefined>;
}

/** A subagent (or a chain) that was started: a handle of this run, whatever becomes of its label later. */
export interface SpawnedSubagent extends SubagentHandle, SubagentIdentity {
  readonly accepted: true;
  /** What the caller should know, for example how many uncommitted changes are left out. */
  readonly notes: readonly string[];
  /** An equal request was accepted before, and what it started is live: this is that one, and nothing more was started. */
  readonly repeated?: true | undefined;
}

/** Why one spec of a list was not spawned. */
export interface SpawnRefusal {
  readonly accepted: false;
  readonly label: string;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly remedy?: string | undefined;
}
