/** Results that depend on nothing but some content, each computed once. */
import { createHash } from 'node:crypto';

/** Maximum number of remembered results; with more, all are forgotten. */
const MAX_REMEMBERED = 200;

/** Remembers results by the content that they were computed from. */
export class ByContent<T> {
  readonly #results = new Map<string, Promise<T>>();

  /** Returns the result for `content`; calls `compute` unless it is known. A rejection is not remembered. */
  async get(content: string | Buffer, compute: () => Promise<T>): Promise<T> {
    const key = createHash('sha256').update(content).digest('base64');
    const known = this.#results.get(key);
    if (known !== undefined) return known;
    if (this.#results.size >= MAX_REMEMBERED) this.#results.clear();
    const result = compute();
    this.#results.set(key, result);
    try {
      return await result;
    } catch (error) {
      this.#results.delete(key);
      throw error;
    }
  }
}
