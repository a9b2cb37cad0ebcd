import { setMaxListeners } from 'node:events';

/**
 * A signal that is aborted with the first of its sources, with that one's reason, and lets go of them when disposed. (What
 * `AbortSignal.any` gives stays attached for as long as a source lives, here as long as the connection.)
 */
export class LinkedSignal implements Disposable {
  readonly #controller = new AbortController();
  readonly #sources: readonly AbortSignal[];
  readonly #follow = (event: Event): void => this.abort((event.target as AbortSignal).reason);

  constructor(sources: readonly (AbortSignal | undefined)[]) {
    // Temporal's client adds a listener with each request and removes none.
    setMaxListeners(0, this.signal);
    this.#sources = sources.filter((source) => source !== undefined);
    const aborted = this.#sources.find((source) => source.aborted);
    if (aborted !== undefined) this.abort(aborted.reason);
    for (const source of this.#sources) source.addEventListener('abort', this.#follow, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  [Symbol.dispose](): void {
    for (const source of this.#sources) source.removeEventListener('abort', this.#follow);
  }
}
