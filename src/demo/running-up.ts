/** Runs `up` in this process, with server and worker as its children, and records its events. */
import { openHome } from '../home/home.ts';
import { runUp } from '../worker/up/up.ts';
import { asError } from './narrator.ts';
import type { UpEvent } from '../worker/up/events.ts';

type WorkerReady = Extract<UpEvent, { event: 'worker-ready' }>;
type ServerReady = Extract<UpEvent, { event: 'server-ready' }>;

export interface RunningUpOptions {
  /** Folder of the home; created if missing. */
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  /** Kills server and worker. */
  readonly now: AbortSignal;
  /** Called for each event. */
  readonly onEvent: (event: UpEvent) => void;
  /** Called with one line of progress when getting the server's program takes long. */
  readonly onProgress: (line: string) => void;
}

export class RunningUp {
  readonly events: UpEvent[] = [];
  readonly #stop = new AbortController();
  #ended: Promise<void> = Promise.resolve();
  #failure: Error | undefined;

  /** Begins to start `up`; does not wait until it is ready. */
  static async start(options: RunningUpOptions): Promise<RunningUp> {
    const up = new RunningUp();
    const { home, env, now, onProgress } = options;
    const run = runUp({
      home: await openHome(home, env),
      env,
      onProgress,
      now,
      signal: up.#stop.signal,
      onEvent: (event) => {
        up.events.push(event);
        options.onEvent(event);
      },
    });
    up.#ended = run.catch((error: unknown) => {
      up.#failure = asError(error);
    });
    return up;
  }

  /** The newest ready server, once there is one. @throws what `up` failed with */
  server(): ServerReady | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    return this.events.findLast((event) => event.event === 'server-ready');
  }

  /** The newest ready worker, once there is one. @throws what `up` failed with */
  worker(): WorkerReady | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    return this.events.findLast((event) => event.event === 'worker-ready');
  }

  /** Pids of all servers and workers that have been ready. */
  get pids(): number[] {
    return this.events.flatMap((event) =>
      event.event === 'server-ready' || event.event === 'worker-ready' ? [event.pid] : [],
    );
  }

  /** Stops worker and server. Further calls do nothing. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }
}
