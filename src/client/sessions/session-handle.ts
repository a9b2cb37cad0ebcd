import {
  validate,
  DEFAULT_RECEIVER,
  sessionName,
  SubagentsError,
  type Announcement,
  type ChainSpec,
  type SpawnSpec,
  type CleanReport,
  type OpenApproval,
  type SessionListing,
} from '../../contract/index.ts';
import { sendAcknowledgement } from './acknowledger.ts';
import { readUnacknowledged, receiveAnnouncements } from './announcements.ts';
import { startChain } from '../chains/chain.ts';
import { retryChain } from '../chains/chain-retry.ts';
import { cleanSession } from '../removal/clean.ts';
import { endSessionIfFailing } from '../removal/force.ts';
import type { SessionHandle, SpawnedSubagent, SpawnRefusal, SubagentHandle } from '../handles.ts';
import { SpawnedClient, SubagentClient } from '../subagents/subagent-handle.ts';
import type { Link } from '../connection/link.ts';
import { listApprovals } from '../listing/approvals.ts';
import { listSession } from '../listing/listing.ts';
import { findRun } from '../listing/runs.ts';
import { refusalError, refusalOf, spawnAll, type Accepted } from '../spawning/spawn.ts';
import type {
  AnnouncementOptions,
  ChainOptions,
  CleanOptions,
  ListOptions,
  ReceivedAnnouncement,
  RetryOptions,
  SpawnOptions,
} from '../types.ts';

/** Implements `SessionHandle` over a connection. */
export class SessionClient implements SessionHandle {
  readonly name: string;
  readonly #link: Link;

  constructor(link: Link, name: string) {
    this.#link = link;
    this.name = assertName('session name', name);
  }

  async spawn(spec: SpawnSpec, options?: SpawnOptions): Promise<SpawnedSubagent>;
  async spawn(
    specs: readonly SpawnSpec[],
    options?: SpawnOptions,
  ): Promise<(SpawnedSubagent | SpawnRefusal)[]>;
  async spawn(
    specs: SpawnSpec | readonly SpawnSpec[],
    options: SpawnOptions = {},
  ): Promise<SpawnedSubagent | (SpawnedSubagent | SpawnRefusal)[]> {
    const list: readonly SpawnSpec[] = Array.isArray(specs) ? specs : [specs];
    this.#link.requireOpen();
    const answers = await spawnAll(this.#link, this.name, list, options);
    if (Array.isArray(specs))
      return answers.map((answer) =>
        answer.status === 'accepted' ? this.#spawned(answer) : refusalOf(answer),
      );
    const [answer] = answers;
    if (answer?.status === 'accepted') return this.#spawned(answer);
    throw answer === undefined ? new SubagentsError('INTERNAL', 'no answer') : refusalError(answer);
  }

  async chain(spec: ChainSpec, options: ChainOptions = {}): Promise<SpawnedSubagent> {
    this.#link.requireOpen();
    return this.#spawned(await startChain(this.#link, this.name, spec, options));
  }

  async retryChain(target: string, options: RetryOptions = {}): Promise<SpawnedSubagent> {
    const run = await findRun(this.#link, target, this.name);
    return this.#spawned(await retryChain(this.#link, run, options));
  }

  async list(options: ListOptions = {}): Promise<SessionListing> {
    return listSession(this.#link, this.name, options);
  }

  async approvals(): Promise<OpenApproval[]> {
    return listApprovals(this.#link, [this.name]);
  }

  announcements(options: AnnouncementOptions = {}): AsyncGenerator<ReceivedAnnouncement, void, undefined> {
    return receiveAnnouncements(this.#link, this.name, { ...options, receiver: receiverOf(options) });
  }

  async peek(options: { readonly receiver?: string | undefined } = {}): Promise<Announcement[]> {
    const view = await readUnacknowledged(this.#link, this.name, receiverOf(options));
    return [...(view?.announcements ?? [])];
  }

  async acknowledge(
    ids: string | readonly string[],
    options: { readonly receiver?: string | undefined } = {},
  ): Promise<void> {
    const receiver = receiverOf(options);
    const list = typeof ids === 'string' ? [ids] : ids;
    if (list.length === 0) return;
    await sendAcknowledgement(this.#link, this.name, receiver, list);
  }

  async clean(options: CleanOptions = {}): Promise<CleanReport> {
    return cleanSession(this.#link, this.name, options);
  }

  async endIfFailing(): Promise<boolean> {
    return endSessionIfFailing(this.#link, this.name);
  }

  subagent(target: string): SubagentHandle {
    return new SubagentClient(this.#link, this.name, target);
  }

  #spawned(answer: Accepted): SpawnedSubagent {
    return new SpawnedClient(this.#link, this.name, answer);
  }
}

/** The receiver's name, checked. @throws SubagentsError BAD_INPUT */
const receiverOf = ({ receiver = DEFAULT_RECEIVER }: { readonly receiver?: string | undefined }): string =>
  assertName('name of a receiver', receiver);

/** Checks a name of a session or receiver, which follow the same rules. @throws SubagentsError BAD_INPUT */
function assertName(what: string, name: string): string {
  const parsed = validate(sessionName, name);
  if (parsed.success) return name;
  throw new SubagentsError(
    'BAD_INPUT',
    `illegal ${what} "${name.slice(0, 120)}": ${parsed.error.issues[0]?.message ?? ''}`,
  );
}
