/** Reserves labels of a session, so that no two subagents or chains that are being admitted get the same label. */
import {
  byteLength,
  isChain,
  MAX_LIVE_BYTES,
  MAX_LIVE_SUBAGENTS,
  type SessionEntry,
} from '../../src/contract/index.ts';
import { liveRun, type SessionState } from './session-state.ts';
import { refused, type Refused } from './starts.ts';

export class Labels {
  readonly #session: string;
  readonly #state: SessionState;
  /** Labels that are being admitted, and whether each belongs to a chain. */
  readonly #reserved = new Map<string, { readonly chain: boolean }>();
  /** Size of each live entry as JSON, measured once. */
  readonly #sizes = new WeakMap<SessionEntry, number>();

  constructor(session: string, state: SessionState) {
    this.#session = session;
    this.#state = state;
  }

  /**
   * Reserves the label of a subagent until it is released. Returns the refusal if the label is not free.
   * @param remedy what to do when the label is live
   */
  reserve(label: string, remedy: string): Refused | undefined {
    if (this.#isTaken(label)) return this.#live(label, label, '', remedy);
    const chain = this.#chains().find((name) => label.startsWith(`${name}.`));
    if (chain !== undefined)
      return refused(
        label,
        'LABEL_LIVE',
        `labels that begin with "${chain}." belong to the chain ${chain}, which is live`,
        'use another label, or wait for the chain',
      );
    return this.#take(label, false);
  }

  /**
   * Reserves the label of a chain, and so the labels of its steps, until it is released. Returns the refusal if one is
   * taken.
   */
  reserveChain(label: string, steps: number): Refused | undefined {
    const names = [...Object.keys(this.#state.live), ...this.#reserved.keys()];
    const taken = names.find((name) => name === label) ?? names.find((name) => name.startsWith(`${label}.`));
    if (taken !== undefined)
      return this.#live(
        label,
        taken,
        `, and the ${steps} steps of the chain would be named ${label}.<step>`,
        'use another label, or steer or kill the live one',
      );
    return this.#take(label, true);
  }

  release(label: string): void {
    this.#reserved.delete(label);
  }

  #take(label: string, chain: boolean): Refused | undefined {
    const live = Object.keys(this.#state.live).length + this.#reserved.size;
    if (live >= MAX_LIVE_SUBAGENTS)
      return refused(
        label,
        'LIMIT',
        `session ${this.#session} has ${live} live subagents`,
        'wait until some have ended',
      );
    if (this.#liveBytes() > MAX_LIVE_BYTES)
      return refused(
        label,
        'LIMIT',
        `session ${this.#session} has ${live} live subagents, whose long names and repositories fill the state that it can keep`,
        'wait until some have ended, or use another session',
      );
    this.#reserved.set(label, { chain });
    return undefined;
  }

  #liveBytes(): number {
    let bytes = 0;
    for (const entry of Object.values(this.#state.live)) {
      const size = this.#sizes.get(entry) ?? byteLength(JSON.stringify(entry));
      this.#sizes.set(entry, size);
      bytes += size;
    }
    return bytes;
  }

  #isTaken(label: string): boolean {
    return liveRun(this.#state, label) !== undefined || this.#reserved.has(label);
  }

  #chains(): string[] {
    const live = Object.values(this.#state.live).filter(isChain);
    const reserved = [...this.#reserved].filter(([, { chain }]) => chain);
    return [...live.map(({ label }) => label), ...reserved.map(([label]) => label)];
  }

  #live(label: string, taken: string, why: string, remedy: string): Refused {
    return refused(label, 'LABEL_LIVE', `${taken} is live in session ${this.#session}${why}`, remedy);
  }
}
