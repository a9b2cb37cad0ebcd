import { DEFAULT_SESSION } from '../contract/names.ts';
import type { Subagents } from '../client/index.ts';
import { Output } from './output.ts';

/** Options that every command takes. */
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

/** What a command has at hand. */
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

  /** Where spawns go and bare labels are looked for first: `--session`, `SUBAGENTS_SESSION`, or `default`. */
  get session(): string {
    return this.options.session ?? (this.env['SUBAGENTS_SESSION'] || DEFAULT_SESSION);
  }

  /** How to address a subagent in a next command, where `--session` may not be given again. */
  targetName(subagent: { readonly session: string; readonly label: string }): string {
    const implied = this.env['SUBAGENTS_SESSION'] || DEFAULT_SESSION;
    return subagent.session === implied ? subagent.label : `${subagent.session}/${subagent.label}`;
  }

  /** Connects to the server that the options, the running `up` or the profile name. The caller disposes of it. */
  async connect(): Promise<Subagents> {
    const { Subagents } = await import('../client/index.ts');
    const { home, profile, address, namespace } = this.options;
    return await Subagents.connect({ home, profile, address, namespace, env: this.env });
  }

  /**
   * Aborted by the first Ctrl-C, SIGTERM or SIGHUP, from the first use on: for commands that have something to put right before
   * they end.
   */
  get interrupt(): AbortSignal {
    this.#interrupts ??= listenForInterrupts();
    return this.#interrupts.first;
  }

  /** Aborted by the second one, which otherwise ends the process at once. Only after `interrupt` was used. */
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
  // Not `once`: a handler that is gone when others look (those that restore the cursor) makes them end the process.
  const onSignal = (name: NodeJS.Signals) => {
    if (!first.signal.aborted) return first.abort();
    if (interrupts.onSecond !== undefined) return interrupts.onSecond();
    for (const each of names) process.removeAllListeners(each);
    process.kill(process.pid, name);
  };
  for (const name of names) process.on(name, onSignal);
  return interrupts;
}
