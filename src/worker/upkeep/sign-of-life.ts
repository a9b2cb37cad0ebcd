/** Lets `subagents worker health` see that this worker lives: keeps its file in the home fresh. */
import {
  removeWorkerState,
  touchWorkerState,
  writeWorkerState,
  type WorkerState,
} from '../../home/worker-state.ts';
import { ownIdentity, processSpace } from '../../system/process.ts';

/** Milliseconds between two signs of life. */
const TOUCH_MS = 5_000;
/** How long the server may be silent before that is written down, in milliseconds. */
const SERVER_SILENT_MS = 30_000;

/** The signs of life of this process. */
export class SignOfLife {
  readonly #root: string;
  readonly #timer: NodeJS.Timeout;
  #state: WorkerState;
  #written = '';
  #answeredAt = Date.now();

  /** Begins, in state `starting`. @param root of the home, whose lock this process has */
  constructor(root: string, { workerId, log }: Pick<WorkerState, 'workerId' | 'log'>) {
    this.#root = root;
    this.#state = {
      workerId,
      ...ownIdentity(),
      space: processSpace(),
      startedAt: new Date(Date.now() - process.uptime() * 1_000).toISOString(),
      state: 'starting',
      ...(log !== undefined && { log }),
    };
    this.#tell();
    // On this thread: one that is busy forever gives no sign.
    this.#timer = setInterval(() => this.#tell(), TOUCH_MS).unref();
  }

  enter(state: WorkerState['state']): void {
    this.#state = { ...this.#state, state };
    this.#tell();
  }

  /** The server has answered. */
  serverAnswered(): void {
    this.#answeredAt = Date.now();
  }

  /** The worker has ended in order. */
  end(): void {
    clearInterval(this.#timer);
    removeWorkerState(this.#root);
  }

  #tell(): void {
    const isSilent = Date.now() - this.#answeredAt > SERVER_SILENT_MS;
    const serverSilentSince = new Date(this.#answeredAt).toISOString();
    const state = { ...this.#state, ...(isSilent && { serverSilentSince }) };
    const text = JSON.stringify(state);
    if (text === this.#written && touchWorkerState(this.#root)) return;
    try {
      writeWorkerState(this.#root, state);
      this.#written = text;
    } catch {
      // The disk is full; what is written there is older, but still true of this process.
      touchWorkerState(this.#root);
    }
  }
}
