/** A bounded map of recent values. */

/** Entries that are kept: far more than there are subagents that end within minutes. */
const MAX = 10_000;

/** A map that drops its oldest entry when it holds too many. */
export class BoundedMap<V> {
  readonly #entries = new Map<string, V>();

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX) return;
      this.#entries.delete(oldest);
    }
  }
}
