import {
  DEFAULT_RECEIVER,
  sessionName,
  SubagentsError,
  type Announcement,
  type ChainSpec,
  type SpawnAnswer,
  type SpawnSpec,
} from '../contract/index.ts';
import { sendAcknowledgement } from './acknowledger.ts';
import { readUnacknowledged, receiveAnnouncements, type ReceivedAnnouncement } from './announcements.ts';
import { startChain } from './chain.ts';
import { retryChain } from './chain-retry.ts';
import { cleanSession } from './clean.ts';
import { SubagentHandle } from './subagent-handle.ts';
import type { Link } from './link.ts';
import { listSession } from './listing.ts';
import { findRun } from './runs.ts';
import { refusalError, spawnAll } from './spawn.ts';
import type {
  AnnouncementOptions,
  ChainOptions,
  CleanOptions,
  CleanReport,
  ListOptions,
  RetryOptions,
  SessionListing,
  SpawnOptions,
} from './types.ts';

/** An accepted spawn. */
export type Accepted = Extract<SpawnAnswer, { status: 'accepted' }>;

/** A main agent's durable side. Get one from `Subagents.session()`. */
export class SessionHandle {
  readonly name: string;
  readonly #link: Link;

  constructor(link: Link, name: string) {
    this.#link = link;
    this.name = legal('session name', name);
  }

  /**
   * Hands over work. Answers once the subagent's workflow has started. Uncommitted changes of the caller's checkout are not
   * part of a worktree; their count is in the answer's notes.
   * @throws SubagentsError BAD_INPUT, LIMIT, NOT_A_REPOSITORY, UNKNOWN_BASE, NO_WORKER, TIMEOUT; for a single spec also what
   *   the session refused it for: LABEL_LIVE, CHECKOUT_BUSY, MODEL_REFUSED, NO_MODEL, LIMIT.
   */
  async spawn(spec: SpawnSpec, options?: SpawnOptions): Promise<Accepted>;
  /** Hands over several at once, in one request. A refused one does not hinder the others: see each answer's `status`. */
  async spawn(specs: readonly SpawnSpec[], options?: SpawnOptions): Promise<SpawnAnswer[]>;
  async spawn(
    specs: SpawnSpec | readonly SpawnSpec[],
    options: SpawnOptions = {},
  ): Promise<Accepted | SpawnAnswer[]> {
    const list: readonly SpawnSpec[] = Array.isArray(specs) ? specs : [specs];
    const answers = await spawnAll(this.#link, this.name, list, options);
    if (Array.isArray(specs)) return answers;
    const [answer] = answers;
    if (answer?.status === 'accepted') return answer;
    throw answer === undefined ? new SubagentsError('INTERNAL', 'no answer') : refusalError(answer);
  }

  /**
   * Starts a chain: steps that are subagents, whose tasks may quote what earlier ones came to. Everything is checked before
   * anything starts. The chain is then a target like a subagent, and so is each step, as `label/step`.
   * @throws SubagentsError BAD_INPUT when something is wrong with it, and what `spawn` throws for a step.
   */
  async chain(spec: ChainSpec, options: ChainOptions = {}): Promise<Accepted> {
    return startChain(this.#link, this.name, spec, options);
  }

  /**
   * Runs again what of a chain is not done, and all that needs it; with `from` that step too. What is done is quoted as before.
   * @throws SubagentsError BAD_INPUT when there is nothing to run again, LABEL_LIVE, UNKNOWN_TARGET, LOST, and what `chain` throws.
   */
  async retryChain(target: string, options: RetryOptions = {}): Promise<Accepted> {
    return retryChain(this.#link, await findRun(this.#link, target, this.name), options);
  }

  /** What is live, and the newest finished. Works without a worker too, and says so. */
  async list(options: ListOptions = {}): Promise<SessionListing> {
    return listSession(this.#link, this.name, options);
  }

  /**
   * Everything this session tells, as it comes: first what the receiver has not acknowledged, then on and on, across lost
   * connections and restarts of server and workers. Delivered at least once; each id of a run comes once per iteration. An item
   * counts as acknowledged when the next one is asked for, or by name; where a loop is left, its last item comes again.
   * Waits for a session that does not exist yet.
   */
  announcements(options: AnnouncementOptions = {}): AsyncGenerator<ReceivedAnnouncement, void, undefined> {
    return receiveAnnouncements(this.#link, this.name, { ...options, receiver: receiverOf(options) });
  }

  /** What `receiver` has not acknowledged, oldest first. Acknowledges nothing. Empty for a session that does not exist. */
  async peek(options: { readonly receiver?: string | undefined } = {}): Promise<Announcement[]> {
    const view = await readUnacknowledged(this.#link, this.name, receiverOf(options));
    return view?.announcements ?? [];
  }

  /** Tells the session that `receiver` has the announcements with these ids. */
  async acknowledge(
    ids: string | readonly string[],
    options: { readonly receiver?: string | undefined } = {},
  ): Promise<void> {
    const receiver = receiverOf(options);
    const list = typeof ids === 'string' ? [ids] : ids;
    if (list.length === 0) return;
    await sendAcknowledgement(this.#link, this.name, receiver, list);
  }

  /**
   * Removes what is left of the finished subagents of this session: worktrees, branches and Copilot state. Commits that are on no
   * other branch and uncommitted files stay, and the report says so. They stay listed, and their outcomes readable.
   * @throws SubagentsError NO_WORKER, TIMEOUT.
   */
  async clean(options: CleanOptions = {}): Promise<CleanReport> {
    return cleanSession(this.#link, this.name, options);
  }

  /**
   * A subagent of this session: a label, a unique prefix, a workflow id, `last`, or `label@N` for an earlier run. Nothing is
   * asked of the server until the handle is used; then an unknown target is UNKNOWN_TARGET, with the candidates.
   */
  subagent(target: string): SubagentHandle {
    return new SubagentHandle(this.#link, this.name, target);
  }
}

/** @throws SubagentsError BAD_INPUT */
const receiverOf = ({ receiver = DEFAULT_RECEIVER }: { readonly receiver?: string | undefined }): string =>
  legal('name of a receiver', receiver);

/** Sessions and receivers are named alike. @throws SubagentsError BAD_INPUT */
function legal(what: string, name: string): string {
  const parsed = sessionName.safeParse(name);
  if (parsed.success) return name;
  throw new SubagentsError(
    'BAD_INPUT',
    `illegal ${what} "${name.slice(0, 120)}": ${parsed.error.issues[0]?.message ?? ''}`,
  );
}
