/** A bounded map of recent values. */

/** Entries that are kept: far more than there are subagents that end within minutes. */
const MAX = 10_000;

/** A map that drops its oldest entry when it holds too many. */
export class BoundedMap<V> {
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
