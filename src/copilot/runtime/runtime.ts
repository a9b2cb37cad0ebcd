/** One Copilot CLI runtime: its process, our connection to it, and notification of its death. */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { CopilotClient, RuntimeConnection, type CopilotSession } from '@github/copilot-sdk';
import { SUBAGENT_VARIABLE, SubagentsError } from '../../contract/index.ts';
import { cleanEnvironment } from '../../environment/clean.ts';
import { launcherPath } from '../../sandbox/launcher.ts';
import { WorkClock } from '../../system/work-clock.ts';
import { LOGIN_VARIABLES } from './login.ts';
import { providerFrom } from './provider.ts';
import { RUNTIME_ONLY } from './shell-script.ts';

/** The runtime or its connection died during a call. */
export class RuntimeDied extends Error {
  override readonly name = 'RuntimeDied';
}

/** How a runtime ended. */
interface Death {
  readonly message: string;
  /**
   * It was asked to end, possibly by the signal that also ends the worker: a terminal or service manager signals both.
   */
  readonly orderly: boolean;
}

/** Calls usually answer within milliseconds; opening a session may first ask GitHub. */
const ANSWER_TIMEOUT_MS = 60_000;
/** Interval for checking the answer timeout, in milliseconds. */
const CHECK_INTERVAL_MS = 1_000;
/** The SDK's message for a runtime that was ended by a signal, or on request, before its start was complete. */
const ENDED_BY_OTHERS = /^Error: CLI server exited (unexpectedly )?with code (null|0)$/m;
/** Messages of the runtime and the connection after a request to end; measured on 1.0.102. */
const ENDING =
  /SERVER_SHUTTING_DOWN|connection (is closed|is disposed|got disposed)|pending response rejected/i;
/** A runtime that says it is ending is killed after this many milliseconds. */
const END_TIMEOUT_MS = 2_000;
/**
 * A dying runtime may return arbitrary errors: an error is trusted only if the runtime lives on for this many
 * milliseconds.
 */
const ERROR_GRACE_MS = 1_000;

/** The error for a Copilot CLI that does not start. */
export const startError = (path: string, cause: unknown): SubagentsError =>
  new SubagentsError('COPILOT_MISSING', `the Copilot CLI at ${path} did not start: ${String(cause)}`, {
    cause,
    remedy: `run "${path} --version" to see why`,
  });

/** A Copilot CLI process with our connection to it. */
export interface Runtime {
  readonly client: CopilotClient;
  readonly pid: number;
  /** How the process ended; set as soon as it has. */
  readonly death: Death | undefined;
  /** Calls `listener` when the process ends, or at once if it has. Returns a function that unsubscribes. */
  onDeath(listener: (death: Death) => void): () => void;
  /**
   * Returns the result of `asked`. Throws RuntimeDied if the runtime dies first (the connection itself never reports
   * that) or within a second after an error, which is held back that long. Also throws RuntimeDied, after killing the
   * runtime, if the runtime says that it is ending, or does not answer within a minute: all its turns hang like this
   * call.
   * @param options `asksModel`: the answer may take as long as a model does, and contain a provider's message
   */
  request<T>(asked: Promise<T>, options?: { readonly asksModel?: boolean }): Promise<T>;
  /** Closes a Copilot session: its log is completed, and it stays resumable. Throws like `request`. */
  disconnect(session: CopilotSession): Promise<void>;
  /** Closes all sessions, which stay resumable, and ends the runtime. */
  stop(): Promise<void>;
}

/**
 * Starts the Copilot CLI at `path` with its state in `copilotHome`.
 * @throws RuntimeDied when it was stopped while it was starting, COPILOT_MISSING when it does not start by itself
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
    env: {
      ...runtimeEnvironment(options.env),
      PATH: launcherPath(options.copilotHome, options.env['PATH']),
    },
    ...login(options.env),
    logLevel: 'error',
  });
  try {
    await client.start();
  } catch (cause) {
    if (ENDED_BY_OTHERS.test(String(cause)) || ENDING.test(String(cause)))
      throw new RuntimeDied(`the Copilot runtime (${options.path}) was stopped while it was starting`, {
        cause,
      });
    throw startError(options.path, cause);
  }
  // The SDK emits no event when its process ends, and pending calls hang; so the process itself is watched.
  const child = client['cliProcess' as never] as ChildProcess | null | undefined;
  if (!child)
    throw new SubagentsError('INTERNAL', 'the Copilot SDK does not expose the process that it started');
  // A request that cannot be written to a dying process is thrown a second time inside vscode-jsonrpc, uncaught, which
  // would end the worker. The SDK suppresses that only once it knows of the death.
  const writer = client['messageWriter' as never] as { suppressWriteErrors: boolean } | null;
  if (writer) writer.suppressWriteErrors = true;
  return watch(client, child);
}

function watch(client: CopilotClient, child: ChildProcess): Runtime {
  const listeners = new Set<(death: Death) => void>();
  let death: Death | undefined;
  let silent = false;
  const onExit = (): void => {
    if (death !== undefined) return;
    const ended = child.signalCode
      ? `was killed by ${child.signalCode}`
      : `exited with code ${child.exitCode}`;
    const how = silent ? `did not answer for ${ANSWER_TIMEOUT_MS / 1_000} s and was killed` : ended;
    death = { message: `the Copilot runtime (pid ${child.pid}) ${how}`, orderly: child.exitCode === 0 };
    for (const listener of listeners) listener(death);
    listeners.clear();
  };
  child.once('exit', onExit);
  if (child.exitCode !== null || child.signalCode !== null) onExit();

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
    async request(asked, { asksModel = false } = {}) {
      let unsubscribe: () => void = () => undefined;
      const waiting = new WorkClock();
      const timer = setInterval(() => {
        if (asksModel || waiting.workedMs < ANSWER_TIMEOUT_MS) return;
        silent = true;
        child.kill('SIGKILL');
      }, CHECK_INTERVAL_MS);
      const died = new Promise<never>((_, reject) => {
        unsubscribe = onDeath(({ message }) => reject(new RuntimeDied(message)));
      });
      try {
        return await Promise.race([asked, died]);
      } catch (error) {
        const ending = !asksModel && ENDING.test(String(error));
        const gone = died.catch(() => undefined);
        await Promise.race([gone, delay(ending ? END_TIMEOUT_MS : ERROR_GRACE_MS)]);
        if (death === undefined && !ending) throw error;
        // Killed, so that nobody uses this runtime again.
        child.kill('SIGKILL');
        throw new RuntimeDied(death?.message ?? 'the Copilot runtime did not exit', { cause: error });
      } finally {
        clearInterval(timer);
        unsubscribe();
      }
    },
    async disconnect(session) {
      await runtime.request(session.disconnect());
      // The SDK keeps a closed session, with everything its handlers reference, as long as the runtime lives.
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

/** Variables that another Copilot CLI set for a worker that was started from one of its shells. */
const FOREIGN = /^COPILOT_(CLI|AGENT|SDK|CONNECTION)/;

/**
 * The worker's environment without its secrets, because shells inherit it. A provider's secrets are passed with each
 * session.
 */
function runtimeEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const inherited = Object.entries(cleanEnvironment(env)).filter(([name]) => !FOREIGN.test(name));
  // The runtime does not start offline without the provider's address.
  const needed = ['COPILOT_PROVIDER_BASE_URL'].map((name) => [name, env[name]] as const);
  return {
    ...Object.fromEntries(inherited),
    ...Object.fromEntries(needed),
    COPILOT_AUTO_UPDATE: 'false',
    [SUBAGENT_VARIABLE]: '1',
  };
}

/**
 * The token from the environment, passed so that the runtime's shells do not get it; none if a provider of the user's
 * own is used.
 */
function login(env: NodeJS.ProcessEnv): { gitHubToken?: string } {
  if (providerFrom(env, undefined) !== undefined) return {};
  const variable = LOGIN_VARIABLES.find((name) => (env[name] ?? '') !== '');
  const gitHubToken = variable === undefined ? undefined : env[variable];
  return gitHubToken === undefined ? {} : { gitHubToken };
}
