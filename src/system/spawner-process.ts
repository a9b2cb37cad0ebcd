/** The spawner: runs programs on request until the process that started it is gone. Imports little, to stay small. */
import { spawn } from 'node:child_process';
import { runHere, type Program, type ProgramEnd, type SpawnerStart } from './program.ts';
import { SpawnerLink, type SpawnerAnswer, type SpawnerRequest } from './spawner-link.ts';

/** Milliseconds that a spawner elsewhere is kept after its last program. */
const KEPT_MS = 5_000;
/** Milliseconds that a program which is to end, or a spawner, may take for it: one that was stopped never would. */
const GRACE_MS = 5_000;

const running = new Map<number, AbortController>();

process.on('message', (order: SpawnerRequest) => {
  if ('end' in order) running.get(order.id)?.abort();
  else void run(order);
});
// The worker handles signals to the whole process group. When the worker is gone, the `disconnect` event ends the
// spawner.
process.on('SIGTERM', () => undefined);
process.on('SIGINT', () => undefined);
// Behind walls it is not alone: on this signal Node would let anybody debug it.
process.on('SIGUSR1', () => undefined);
process.on('disconnect', () => process.exit(0));

async function run({ id, run: program, inside }: Extract<SpawnerRequest, { run: unknown }>): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const work = inside === undefined ? runHere : runIn(inside);
    answer({ id, ended: await work(program, controller.signal) });
  } catch (error) {
    const { message, syscall } = error as NodeJS.ErrnoException;
    answer({ id, error: { message, ...(syscall !== undefined && { syscall }) } });
  } finally {
    running.delete(id);
  }
}

function answer(what: SpawnerAnswer): void {
  // The requesting process may be gone.
  if (process.connected) process.send?.(what, () => undefined);
}

interface Kept {
  readonly link: SpawnerLink;
  closing?: NodeJS.Timeout;
}
/** Spawners elsewhere, by how they were started. */
const kept = new Map<string, Kept>();

const runIn =
  (start: SpawnerStart) =>
  async (program: Program, signal: AbortSignal): Promise<ProgramEnd> => {
    const key = JSON.stringify([start.file, start.args]);
    const found = kept.get(key) ?? begin(key, start);
    clearTimeout(found.closing);
    let late: NodeJS.Timeout | undefined;
    signal.addEventListener('abort', () => (late = setTimeout(() => found.link.kill(), GRACE_MS)));
    try {
      return await found.link.run(program, signal);
    } finally {
      clearTimeout(late);
      clearTimeout(found.closing);
      if (found.link.isIdle) found.closing = setTimeout(() => close(key, found), KEPT_MS);
    }
  };

function begin(key: string, { file, args, env }: SpawnerStart): Kept {
  const child = spawn(file, args, { env, cwd: '/', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const begun: Kept = { link: new SpawnerLink(child, () => close(key, begun)) };
  kept.set(key, begun);
  return begun;
}

function close(key: string, which: Kept): void {
  if (kept.get(key) === which) kept.delete(key);
  which.link.close();
  setTimeout(() => which.link.kill(), GRACE_MS).unref();
}
