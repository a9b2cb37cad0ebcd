/** The spawner: runs programs on request until the process that started it is gone. Imports little, to stay small. */
import { runHere } from './program.ts';
import type { SpawnerAnswer, SpawnerRequest } from './spawner.ts';

const running = new Map<number, AbortController>();

process.on('message', (order: SpawnerRequest) => {
  if ('end' in order) running.get(order.id)?.abort();
  else void run(order);
});
// The worker handles signals to the whole process group. When the worker is gone, the `disconnect` event ends the
// spawner.
process.on('SIGTERM', () => undefined);
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));

async function run({ id, run: program }: Extract<SpawnerRequest, { run: unknown }>): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  try {
    answer({ id, ended: await runHere(program, controller.signal) });
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
