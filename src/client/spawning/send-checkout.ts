/** Sends what a pool needs of a caller's checkout through the store. */
import { randomUUID } from 'node:crypto';
import {
  isRepositoryUrl,
  SubagentsError,
  type ResolvedSpec,
  type SentCheckout,
} from '../../contract/index.ts';
import { bundleOf } from '../../git/bundles.ts';
import { Git } from '../../git/git.ts';
import { outgoingOf } from '../../git/outgoing.ts';
import { uploadRef } from '../../store/records.ts';
import type { Link } from '../connection/link.ts';
import type { Accepted } from './spawn.ts';

/** Options of a sender. */
export interface SendOptions {
  readonly session: string;
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes that are sent so far, of all checkouts. */
  readonly onSent?: ((bytes: number) => void) | undefined;
}

interface Sent {
  readonly checkout: SentCheckout;
  readonly notes: readonly string[];
}

/** Whether a spec is of a checkout that goes to a pool. */
export const isSent = ({ repo, pool }: Pick<ResolvedSpec, 'repo' | 'pool'>): boolean =>
  pool !== undefined && !isRepositoryUrl(repo);

/** Sends the checkouts of one request: each commit once, however many specs start from it. */
export class CheckoutSender {
  readonly #link: Link;
  readonly #options: SendOptions;
  readonly #sent = new Map<string, Promise<Sent>>();
  readonly #bytes = new Map<string, number>();

  constructor(link: Link, options: SendOptions) {
    this.#link = link;
    this.#options = options;
  }

  /**
   * Sends what the spec starts from.
   * @param options.complete everything, for workers that cannot read the checkout's remote
   * @returns the spec with the place of its commits, and notes for the caller
   * @throws SubagentsError NO_STORE and as `Store.put`; BAD_INPUT that names what cannot be sent; the signal's reason
   */
  async send(
    spec: ResolvedSpec,
    { complete = false } = {},
  ): Promise<{ readonly spec: ResolvedSpec; readonly notes: readonly string[] }> {
    const commit = spec.carried?.commit ?? spec.base.commit;
    const key = `${complete} ${commit} ${spec.repo}`;
    const sending = this.#sent.get(key) ?? this.#send(spec, commit, complete);
    this.#sent.set(key, sending);
    const { checkout, notes } = await sending;
    return { spec: { ...spec, checkout }, notes };
  }

  async #send({ repo, label }: ResolvedSpec, commit: string, complete: boolean): Promise<Sent> {
    const { session, signal, onSent } = this.#options;
    const store = await this.#link.store();
    const git = Git.at(repo, { signal });
    const { url, without, count } = await outgoingOf(git, commit, { complete });
    const place = { store: store.id, commit, ...(url !== undefined && { url }) };
    if (count === 0 && url !== undefined)
      return { checkout: place, notes: [`the pool gets the commits of the checkout from ${url}`] };
    const id = randomUUID();
    const bundle = bundleOf(git, { ref: uploadRef(id), commit }, without);
    const { bytes } = await store.put({ kind: 'upload', id, session, label, commit }, bundle, {
      signal,
      onProgress: (sent) => {
        this.#bytes.set(id, sent);
        onSent?.([...this.#bytes.values()].reduce((sum, each) => sum + each, 0));
      },
    });
    const what = url === undefined ? 'its whole history' : `the ${count} that ${url} does not have`;
    const note = `commits of the checkout were sent to the pool through the store: ${what}, ${(bytes / 1e6).toFixed(1)} MB`;
    return { checkout: { ...place, upload: id }, notes: [note] };
  }

  /** Sends the caller's commits on top of `known`, which the worker has. @throws as `send` */
  async sendOnTop(
    { repo, label }: Pick<ResolvedSpec, 'repo' | 'label'>,
    commit: string,
    known: string,
  ): Promise<SentCheckout> {
    const { session, signal } = this.#options;
    const store = await this.#link.store();
    const id = randomUUID();
    const bundle = bundleOf(Git.at(repo, { signal }), { ref: uploadRef(id), commit }, [known]);
    await store.put({ kind: 'upload', id, session, label, commit }, bundle, { signal });
    return { store: store.id, commit, upload: id };
  }

  /** Records that a spawn with an upload was accepted, so that the upload is no orphan. Never rejects. */
  async recordAccepted(spec: ResolvedSpec, { label, run, workflowId, runId }: Accepted): Promise<void> {
    const upload = spec.checkout?.upload;
    if (upload === undefined) return;
    const { session } = this.#options;
    const record = { kind: 'accepted' as const, session, label, run, workflowId, runId, upload };
    // Without it, the upload stays for a week, which is long enough for almost every subagent to begin.
    await this.#link
      .store()
      .then((store) => store.put(record, []))
      .catch(() => undefined);
  }
}

/** Whether a refusal says that workers cannot read the remote of a checkout: all its commits may be sent instead. */
export const isUnreadableRemote = (spec: ResolvedSpec, code: string): boolean =>
  spec.checkout?.url !== undefined && ['NOT_A_REPOSITORY', 'UNKNOWN_BASE', 'GIT'].includes(code);

/** A step of a chain works on one of several hosts by URL alone. */
export function refuseSentSteps(specs: readonly Pick<ResolvedSpec, 'label' | 'repo' | 'pool'>[]): void {
  const step = specs.find(isSent);
  if (step === undefined) return;
  throw new SubagentsError(
    'BAD_INPUT',
    `${step.repo} is a path: a step of a chain goes to a pool only with a repository that is named by URL`,
    { remedy: 'Name its URL, or leave out the pool (and SUBAGENTS_POOL): the chain then runs on this host.' },
  );
}
