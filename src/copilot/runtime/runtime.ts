/** One Copilot CLI runtime: the process, our connection to it, and the news of its death. */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { CopilotClient, RuntimeConnection, type CopilotSession } from '@github/copilot-sdk';
import { SUBAGENT_MARK, SubagentsError } from '../../contract/index.ts';
import { cleanEnvironment } from '../../environment/clean.ts';
import { WorkClock } from '../../system/work-clock.ts';
import { LOGIN_VARIABLES } from './login.ts';
import { providerFrom } from './provider.ts';
import { RUNTIME_ONLY } from './shell-script.ts';

/** The runtime died, or its connection did, while something was asked of it. */
export class RuntimeDied extends Error {
  override readonly name = 'RuntimeDied';
}

/** How a runtime ended. */
interface Death {
  readonly words: string;
  /** It was asked to end, perhaps by the signal that asks the worker too: one from a terminal or a service manager goes to both. */
  readonly orderly: boolean;
}

/** Calls answer within milliseconds; opening a session may ask GitHub first. */
const ANSWER_TIMEOUT_MS = 60_000;
/** How often the clock is looked at while it does not answer, in milliseconds. */
const LOOK_MS = 1_000;
/** The SDK's words for a runtime that a signal ended, or that was asked to end and did, before its start was done. */
const ENDED_BY_OTHERS = /^Error: CLI server exited (unexpectedly )?with code (null|0)$/m;
/** Its words, and the connection's, once it was asked to end and is about to; measured on 1.0.102. */
const ENDING =
  /SERVER_SHUTTING_DOWN|connection (is closed|is disposed|got disposed)|pending response rejected/i;
/** One that says that it ends is ended after this, in milliseconds. */
const END_TIMEOUT_MS = 2_000;
/** It may say anything in its last moments: an error is taken for its own when it lives on for so long, in milliseconds. */
const LAST_WORDS_MS = 1_000;

/** What is said of a Copilot CLI that does not start. */
export const didNotStart = (path: string, cause: unknown): SubagentsError =>
  new SubagentsError('COPILOT_MISSING', `the Copilot CLI at ${path} did not start: ${String(cause)}`, {
    cause,
    remedy: `run "${path} --version" to see why`,
  });

export interface Runtime {
  readonly client: CopilotClient;
  readonly pid: number;
  /** Set at once when the process ends, with how. */
  readonly death: Death | undefined;
  /** Calls `listener` at the process's end, or at once when that is past. Returns how to take that back. */
  onDeath(listener: (death: Death) => void): () => void;
  /**
   * What `asked` gives. Throws RuntimeDied when the runtime dies first (the connection itself never tells), or within a
   * second of an error, which is kept back for so long; when it says that it ends, and then it is ended; and when it does
   * not answer within a minute: then it is ended too, for all its turns hang as this call does. `asksModel`: its answer may
   * take as long as a model does, and say what a provider says.
   */
  ask<T>(asked: Promise<T>, options?: { readonly asksModel?: boolean }): Promise<T>;
  /** Closes a Copilot session: it writes its log to the end, and stays resumable. Throws like `ask`. */
  disconnect(session: CopilotSession): Promise<void>;
  /** Closes its sessions, which stay resumable, and ends it. */
  stop(): Promise<void>;
}

/**
 * Starts the Copilot CLI at `path` with its state in `copilotHome`.
 * @throws RuntimeDied when it was ended while it started, COPILOT_MISSING when it does not start by itself
 */
export async function startRuntime(options: {
  readonly path: string;
  readonly copilotHome: string;
  readonly env: NodeJS.ProcessEnv;
}): Promise<Runtime> {
  const client = new CopilotClient({
    connection: RuntimeConnection.forStdio({
      path: options.path,
      args: [`--secret-env-vars=${RUNTIME_ONLY.join(',')}`],
    }),
    baseDirectory: options.copilotHome,
    workingDirectory: options.copilotHome,
    env: runtimeEnvironment(options.env),
    ...login(options.env),
    logLevel: 'error',
  });
  try {
    await client.start();
  } catch (cause) {
    if (ENDED_BY_OTHERS.test(String(cause)) || ENDING.test(String(cause)))
      throw new RuntimeDied(`the Copilot runtime (${options.path}) was ended while it started`, { cause });
    throw didNotStart(options.path, cause);
  }
  // The SDK raises no event when its process ends, and calls in flight then hang; so the process itself is watched.
  const child = client['cliProcess' as never] as ChildProcess | null | undefined;
  if (!child)
    throw new SubagentsError('INTERNAL', 'the Copilot SDK no longer shows the process that it started');
  // A request that cannot be written, to one that has just died, is thrown once more where nobody catches it (in the
  // connection of vscode-jsonrpc), which would end the worker. The SDK passes over it only once it knows of the death.
  const writer = client['messageWriter' as never] as { suppressWriteErrors: boolean } | null;
  if (writer) writer.suppressWriteErrors = true;
  return watch(client, child);
}

function watch(client: CopilotClient, child: ChildProcess): Runtime {
  const listeners = new Set<(death: Death) => void>();
  let death: Death | undefined;
  let silent = false;
  const die = (): void => {
    if (death !== undefined) return;
    const ended = child.signalCode
      ? `ended by ${child.signalCode}`
      : `ended with exit code ${child.exitCode}`;
    const how = silent ? `did not answer for ${ANSWER_TIMEOUT_MS / 1_000} s and was ended` : ended;
    death = { words: `the Copilot runtime (pid ${child.pid}) ${how}`, orderly: child.exitCode === 0 };
    for (const listener of listeners) listener(death);
    listeners.clear();
  };
  child.once('exit', die);
  if (child.exitCode !== null || child.signalCode !== null) die();

  const onDeath = (listener: (death: Death) => void): (() => void) => {
    if (death !== undefined) listener(death);
    else listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const runtime: Runtime = {
    client,
    pid: child.pid ?? 0,
    get death() {
      return death;
    },
    onDeath,
    async ask(asked, { asksModel = false } = {}) {
      let forget: () => void = () => undefined;
      const waiting = new WorkClock();
      const looking = setInterval(() => {
        if (asksModel || waiting.workedMs < ANSWER_TIMEOUT_MS) return;
        silent = true;
        child.kill('SIGKILL');
      }, LOOK_MS);
      const died = new Promise<never>((_, reject) => {
        forget = onDeath(({ words }) => reject(new RuntimeDied(words)));
      });
      try {
        return await Promise.race([asked, died]);
      } catch (error) {
        const ending = !asksModel && ENDING.test(String(error));
        const gone = died.catch(() => undefined);
        await Promise.race([gone, delay(ending ? END_TIMEOUT_MS : LAST_WORDS_MS)]);
        if (death === undefined && !ending) throw error;
        // Nobody is to meet it again.
        child.kill('SIGKILL');
        throw new RuntimeDied(death?.words ?? 'the Copilot runtime did not end', { cause: error });
      } finally {
        clearInterval(looking);
        forget();
      }
    },
    async disconnect(session) {
      await runtime.ask(session.disconnect());
      // The SDK keeps a session that is closed, with all that its handlers hold, for as long as the runtime lives.
      const open = client['sessions' as never] as Map<string, CopilotSession>;
      if (open.get(session.sessionId) === session) open.delete(session.sessionId);
    },
    async stop() {
      if (death === undefined) await client.stop();
      else await client.forceStop();
    },
  };
  return runtime;
}

/** What another Copilot CLI left in the environment of a worker that was started from one of its shells. */
const FOREIGN = /^COPILOT_(CLI|AGENT|SDK|CONNECTION)/;

/** The worker's environment without its secrets: shells inherit it. A provider's come with each session. */
function runtimeEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const inherited = Object.entries(cleanEnvironment(env)).filter(([name]) => !FOREIGN.test(name));
  // Without the provider's address the runtime does not start offline.
  const needed = ['COPILOT_PROVIDER_BASE_URL'].map((name) => [name, env[name]] as const);
  return {
    ...Object.fromEntries(inherited),
    ...Object.fromEntries(needed),
    COPILOT_AUTO_UPDATE: 'false',
    [SUBAGENT_MARK]: '1',
  };
}

/** The token in the environment, handed over in the way that keeps it from the runtime's shells; none where a provider of the user's own is used. */
function login(env: NodeJS.ProcessEnv): { gitHubToken?: string } {
  if (providerFrom(env, undefined) !== undefined) return {};
  const variable = LOGIN_VARIABLES.find((name) => (env[name] ?? '') !== '');
  const gitHubToken = variable === undefined ? undefined : env[variable];
  return gitHubToken === undefined ? {} : { gitHubToken };
}
