import type { ConnectOptions, Subagents } from '../client/index.ts';
import { resolveTemporalTarget } from '../temporal/target.ts';

/**
 * A connection for a long-running process. It is opened when first needed, and opened anew when the target is a
 * different server. The same server at a new address is not a different one.
 */
export class LazyConnection {
  readonly #options: ConnectOptions;
  #open: { readonly server: string; readonly subagents: Promise<Subagents> } | undefined;

  constructor(options: ConnectOptions) {
    this.#options = options;
  }

  /** The connection, if one is open. */
  get current(): Promise<Subagents> | undefined {
    return this.#open?.subagents;
  }

  /** The connection to the current server. @throws SubagentsError TEMPORAL_UNREACHABLE, BAD_INPUT */
  async get(): Promise<Subagents> {
    const { address, namespace, identity } = await resolveTemporalTarget(this.#options);
    const server = `${identity === undefined ? address : JSON.stringify(identity)} ${namespace}`;
    // There is no await between the comparison and the assignment, so that of several concurrent calls only one
    // connects.
    if (this.#open?.server !== server) {
      this.close().catch(() => undefined);
      const open = { server, subagents: connect(this.#options) };
      this.#open = open;
      open.subagents.catch(() => {
        if (this.#open === open) this.#open = undefined;
      });
    }
    return await this.#open.subagents;
  }

  async close(): Promise<void> {
    const before = this.#open;
    this.#open = undefined;
    await before?.subagents.then(
      (subagents) => subagents.close(),
      () => undefined,
    );
  }
}

/** Loads the library and connects. Loading takes a good part of a second, so it waits until the first use. */
async function connect(options: ConnectOptions): Promise<Subagents> {
  const { Subagents } = await import('../client/index.ts');
  return await Subagents.connect(options);
}
