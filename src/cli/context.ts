import { DEFAULT_SESSION } from '../contract/protocol/names.ts';
import type { Subagents } from '../client/index.ts';
import { Output } from './output.ts';

/** Options of every command. */
export interface GlobalOptions {
  readonly home?: string | undefined;
  readonly profile?: string | undefined;
  readonly address?: string | undefined;
  readonly namespace?: string | undefined;
  readonly session?: string | undefined;
  readonly json?: boolean | undefined;
  readonly color: boolean;
  readonly verbose?: boolean | undefined;
}

/** The options, environment, output and connection of a command. */
export class Context {
  readonly options: GlobalOptions;
  readonly env: NodeJS.ProcessEnv;
  readonly output: Output;
  #interrupts: Interrupts | undefined;

  constructor(options: GlobalOptions, env: NodeJS.ProcessEnv = process.env) {
    this.options = options;
    this.env = env;
    this.output = new Output({ color: options.color, json: options.json === true, env });
  }

  /**
   * The session of spawns, in which bare labels are looked up first: `--session`, `SUBAGENTS_SESSION`, or `default`.
   */
  get session(): string {
    return this.options.session ?? (this.env['SUBAGENTS_SESSION'] || DEFAULT_SESSION);
  }

  /** The target that names a subagent in a next command without `--session`. */
  targetName(subagent: { readonly session: string; readonly label: string }): string {
    const implied = this.env['SUBAGENTS_SESSION'] || DEFAULT_SESSION;
    return subagent.session === implied ? subagent.label : `${subagent.session}/${subagent.label}`;
  }

  /**
   * Connects to the server that the options, the running `up` or the profile name. The caller disposes of the result.
   */
  async connect(): Promise<Subagents> {
    const { Subagents } = await import('../client/index.ts');
    const { home, profile, address, namespace } = this.options;
    const { ownIdentity } = await import('../home/machine.ts');
    const identity = ownIdentity('terminal', this.env);
    return await Subagents.connect({ home, profile, address, namespace, identity, env: this.env });
  }

  /**
   * Aborted by the first Ctrl-C, SIGTERM or SIGHUP. For commands that must clean up before they end: the first use of
   * this property replaces the default handling of these signals.
   */
  get interrupt(): AbortSignal {
    this.#interrupts ??= listenForInterrupts();
    return this.#interrupts.first;
  }

  /** Calls `listener` at the second such signal, which otherwise ends the process at once. */
  onSecondInterrupt(listener: () => void): void {
    this.#interrupts ??= listenForInterrupts();
    this.#interrupts.onSecond = listener;
  }
}

interface Interrupts {
  readonly first: AbortSignal;
  onSecond: (() => void) | undefined;
}

function listenForInterrupts(): Interrupts {
  const first = new AbortController();
  const interrupts: Interrupts = { first: first.signal, onSecond: undefined };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  // Not `once`: other handlers (those that restore the cursor) end the process when they find no further handler.
  const onSignal = (name: NodeJS.Signals) => {
    if (!first.signal.aborted) return first.abort();
    if (interrupts.onSecond !== undefined) return interrupts.onSecond();
    for (const each of names) process.removeAllListeners(each);
    process.kill(process.pid, name);
  };
  for (const name of names) process.on(name, onSignal);
  return interrupts;
}
