/** What was noted last, by key: for what matters for a while after it happened. */

/** Notes that are kept: those of far more subagents than end within minutes. */
const MAX = 10_000;

/** A map that lets the oldest note go when it holds too many. */
export class Recent<V> {
  readonly #notes = new Map<string, V>();

  get(key: string): V | undefined {
    return this.#notes.get(key);
  }

  has(key: string): boolean {
    return this.#notes.has(key);
  }

  set(key: string, value: V): void {
    this.#notes.delete(key);
    this.#notes.set(key, value);
    for (const oldest of this.#notes.keys()) {
      if (this.#notes.size <= MAX) return;
      this.#notes.delete(oldest);
    }
  }
}
