import { setMaxListeners } from 'node:events';

/** The linked signals of each source. A source has one listener, which aborts them all. */
const FOLLOWERS = new WeakMap<AbortSignal, Set<LinkedSignal>>();

/**
 * A signal that aborts with the first of its sources, with the same reason. Disposing it detaches it from the sources.
 * (A signal of `AbortSignal.any` stays attached as long as a source lives: here, as long as the connection.)
 */
export class LinkedSignal implements Disposable {
  readonly #controller = new AbortController();
  readonly #sources: readonly AbortSignal[];

  constructor(sources: readonly (AbortSignal | undefined)[]) {
    // Temporal's client adds a listener with each request and removes none.
    setMaxListeners(0, this.signal);
    this.#sources = sources.filter((source) => source !== undefined);
    const aborted = this.#sources.find((source) => source.aborted);
    if (aborted !== undefined) this.abort(aborted.reason);
    for (const source of this.#sources) follow(source, this);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  [Symbol.dispose](): void {
    for (const source of this.#sources) unfollow(source, this);
  }
}

function follow(source: AbortSignal, follower: LinkedSignal): void {
  const known = FOLLOWERS.get(source);
  if (known === undefined) {
    FOLLOWERS.set(source, new Set([follower]));
    source.addEventListener('abort', abortFollowers, { once: true });
  } else known.add(follower);
}

function unfollow(source: AbortSignal, follower: LinkedSignal): void {
  const known = FOLLOWERS.get(source);
  if (known?.delete(follower) !== true || known.size > 0) return;
  FOLLOWERS.delete(source);
  source.removeEventListener('abort', abortFollowers);
}

function abortFollowers(event: Event): void {
  const source = event.target as AbortSignal;
  for (const follower of [...(FOLLOWERS.get(source) ?? [])]) follower.abort(source.reason);
}
