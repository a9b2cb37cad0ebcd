import type { ConnectOptions, Subagents } from '../client/index.ts';
import { resolveTemporalTarget } from '../temporal/target.ts';

/**
 * A connection for a process that lives long: opened when it is first needed, and anew when another server is to be used than
 * before. The same one at another address is none.
 */
export class LazyConnection {
  readonly #options: ConnectOptions;
  #open: { readonly server: string; readonly subagents: Promise<Subagents> } | undefined;

  constructor(options: ConnectOptions) {
    this.#options = options;
  }

  /** The connection, where there is one. */
  get current(): Promise<Subagents> | undefined {
    return this.#open?.subagents;
  }

  /** @throws SubagentsError TEMPORAL_UNREACHABLE, BAD_INPUT */
  async get(): Promise<Subagents> {
    const { address, namespace, identity } = await resolveTemporalTarget(this.#options);
    const server = `${identity === undefined ? address : JSON.stringify(identity)} ${namespace}`;
    // Nothing is awaited from the look to the assignment: of several that come at once, one connects.
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

/** The library takes a good part of a second to load: nobody waits for it before it is needed. */
async function connect(options: ConnectOptions): Promise<Subagents> {
  const { Subagents } = await import('../client/index.ts');
  return await Subagents.connect(options);
}
