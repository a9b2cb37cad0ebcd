/** The Temporal server of a chaos run: our own, which may be struck, or an external one. */
import { signalProcess, processStartTime } from '../src/system/process.ts';
import type { EmbeddedServer } from '../src/temporal/embedded/server.ts';
import { freeze } from './worker.ts';

/** Starts the server: always on the same data, and on the given port if there is one. */
export type StartServer = (port?: number) => Promise<EmbeddedServer>;

/** An external server. */
export interface ForeignServer {
  /** `host:port` of its gRPC frontend. */
  readonly address: string;
  readonly namespace: string;
}

export class ServerUnderTest {
  readonly address: string;
  readonly namespace: string;
  readonly #start: StartServer | undefined;
  #running: EmbeddedServer | undefined;
  /** Whether a strike is in progress; only one is allowed at a time. */
  #struck = false;
  #over = false;
  /**
   * How often the server had to be restarted although it was not struck: `startEmbedded` ends a server that stops
   * working.
   */
  brokeDown = 0;

  private constructor(at: ForeignServer, start?: StartServer, running?: EmbeddedServer) {
    this.address = at.address;
    this.namespace = at.namespace;
    this.#start = start;
    this.#running = running;
    if (running !== undefined) this.#watch(running);
  }

  static async open(server: StartServer | ForeignServer): Promise<ServerUnderTest> {
    if (typeof server !== 'function') return new ServerUnderTest(server);
    const running = await server();
    return new ServerUnderTest(running, server, running);
  }

  /** Undefined for an external server. */
  get pid(): number | undefined {
    return this.#running?.pid;
  }

  /**
   * Kills or stops the server and restarts it on the same data after `forMs`, or freezes it that long. Returns false if
   * it cannot be struck now.
   */
  async strike(
    way: 'kill' | 'terminate' | 'freeze',
    forMs: number,
    wait: (ms: number) => Promise<void>,
  ): Promise<boolean> {
    const running = this.#running;
    if (running === undefined || this.#start === undefined || this.#struck) return false;
    const startTime = processStartTime(running.pid);
    if (startTime === undefined) return false;
    const identity = { pid: running.pid, startTime };
    this.#struck = true;
    try {
      if (way === 'freeze') {
        return await freeze(identity, forMs, wait);
      }
      if (way === 'kill') signalProcess(identity, 'SIGKILL');
      else await running.stop();
      await running.exited;
      await wait(forMs);
      await this.#again(this.#start);
      return true;
    } finally {
      this.#struck = false;
    }
  }

  async stop(): Promise<void> {
    this.#over = true;
    await this.#running?.stop();
    this.#running = undefined;
  }

  async #again(start: StartServer): Promise<void> {
    const running = await start(Number(this.address.split(':')[1]));
    if (running.address !== this.address)
      throw new Error(`the server came back on ${running.address} instead of ${this.address}`);
    this.#running = running;
    this.#watch(running);
  }

  #watch(running: EmbeddedServer): void {
    void running.exited.then(async () => {
      if (this.#over || this.#struck || this.#start === undefined) return;
      this.brokeDown++;
      await this.#again(this.#start).catch(() => undefined);
    });
  }
}
