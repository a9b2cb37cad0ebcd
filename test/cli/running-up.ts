/** `subagents up` as a process of a test. */
import { createInterface } from 'node:readline';
import { isAlive, processStartTime, type ProcessIdentity } from '../../src/system/process.ts';
import { processTree } from '../../src/worker/up/processes.ts';
import type { UpEvent } from '../../src/worker/up/events.ts';
import { PATIENCE_MS } from '../support/eventually.ts';
import { start, type Surroundings } from './command.ts';

/** An `up` in the foreground. Disposing of it kills it and what it has started. */
export interface RunningUp extends AsyncDisposable {
  readonly pid: number;
  /** The next event of this kind; events before it are passed over. @throws when it ends before */
  event<E extends UpEvent['event']>(kind: E): Promise<Extract<UpEvent, { event: E }>>;
  /** Whether there was an event of this kind after the last one that was taken. */
  has(kind: UpEvent['event']): boolean;
  signal(name: NodeJS.Signals): void;
  /** Its exit code and what it wrote to stderr, when it has ended. */
  readonly ended: Promise<{ readonly exitCode: number | undefined; readonly stderr: string }>;
  /** It and everything that descends from it now. */
  family(): ProcessIdentity[];
}

/** Starts `up --json`. @param within a command that runs it, and is replaced by it */
export function startUp(surroundings: Surroundings, within: readonly string[] = []): RunningUp {
  const child = start(['up', '--json'], surroundings, within);
  const { pid } = child;
  if (pid === undefined) throw new Error('cannot start `up`');
  const events: UpEvent[] = [];
  const waiting = new Set<() => void>();
  let isOver = false;
  const seen = new Map<number, ProcessIdentity>();
  const family = (): ProcessIdentity[] => {
    const now = processTree(pid);
    for (const each of now) seen.set(each.pid, each);
    return now;
  };
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    events.push(JSON.parse(line) as UpEvent);
    family();
    for (const check of waiting) check();
  });
  lines.on('close', () => {
    isOver = true;
    for (const check of waiting) check();
  });
  const ended = child.then(({ exitCode, stderr }) => ({ exitCode, stderr }));
  return {
    pid,
    ended,
    family,
    has: (kind) => events.some(({ event }) => event === kind),
    signal: (name) => void child.kill(name),
    event: async (kind) =>
      await new Promise((resolve, reject) => {
        const check = (): void => {
          const index = events.findIndex(({ event }) => event === kind);
          if (index === -1 && !isOver) return;
          waiting.delete(check);
          if (index === -1) return reject(new Error(`\`up\` ended without ${kind}`));
          resolve(events.splice(0, index + 1).at(-1) as Extract<UpEvent, { event: typeof kind }>);
        };
        waiting.add(check);
        check();
      }),
    [Symbol.asyncDispose]: async () => {
      family();
      for (const { pid: each, startTime } of seen.values()) {
        if (isAlive(each, startTime)) process.kill(each, 'SIGKILL');
      }
      await child;
    },
  };
}

/** Waits until none of these processes lives. */
export async function allGone(processes: readonly ProcessIdentity[]): Promise<void> {
  const { vi } = await import('vitest');
  await vi.waitFor(
    () => {
      const left = processes.filter(({ pid, startTime }) => processStartTime(pid) === startTime);
      if (left.length > 0) throw new Error(`still there: ${left.map(({ pid }) => pid).join(', ')}`);
    },
    { timeout: PATIENCE_MS, interval: 50 },
  );
}
