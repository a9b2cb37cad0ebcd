/** Starts `up` in the background. */
import { fork, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { once } from 'node:events';
import { z } from 'zod';
import { ERROR_CODES, SubagentsError } from '../../contract/errors.ts';
import { openHome } from '../../home/home.ts';
import { readUpFile, type UpFile } from '../../temporal/up-file.ts';
import { openLog } from '../../system/bounded-log.ts';
import { logFiles } from './files.ts';
import { compiledFile } from '../../system/compiled-file.ts';

/** What a background `up` reports over its IPC channel until it is ready. */
const report = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('progress'), message: z.string() }),
  z.object({ kind: z.literal('ready') }),
  z.object({
    kind: z.literal('failed'),
    code: z.enum(ERROR_CODES),
    message: z.string(),
    remedy: z.string().optional(),
  }),
]);
/** A message of a background `up` to the process that started it. */
export type DetachedReport = z.infer<typeof report>;

/** Reports to the process that started this one in the background; does nothing if there is none, or it is gone. */
export function sendReport(message: DetachedReport): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** Whether another process started this one in the background and waits for it. */
export const isDetached = (): boolean => process.connected;

/** How to start `up` in the background. */
export interface DetachedOptions {
  /** The home's folder. */
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  /** Called with one line of progress for slow steps. */
  readonly onProgress: (message: string) => void;
  /** Cancels the start; an `up` that already runs is left alone. */
  readonly signal: AbortSignal;
}

/**
 * Starts `up` in the background and waits until server and worker are ready.
 * @returns what runs; `started` is false if it already ran
 * @throws SubagentsError what `up` failed with; TIMEOUT if interrupted
 */
export async function startDetached(
  options: DetachedOptions,
): Promise<{ up: UpFile; started: boolean; log: string }> {
  const { root, env } = options;
  const home = await openHome(root, env);
  const log = logFiles(home).up;
  const running = readUpFile(root);
  if (running !== undefined) return { up: running, started: false, log };
  const { fd: output } = openLog(log);
  const main = compiledFile('cli/main.bundle.js');
  const child = fork(main, ['up', '--home', root, '--no-color'], {
    cwd: root,
    env,
    detached: true,
    execArgv: [],
    stdio: ['ignore', output, output, 'ipc'],
  });
  closeSync(output);
  try {
    await becomeReady(child, options, log);
  } finally {
    child.removeAllListeners();
    if (child.connected) child.disconnect();
    child.unref();
  }
  const up = readUpFile(root);
  if (up === undefined) throw endedEarly(log);
  return { up, started: true, log };
}

async function becomeReady(
  child: ChildProcess,
  { onProgress, signal }: DetachedOptions,
  log: string,
): Promise<void> {
  const ended = once(child, 'exit').then(() => {
    throw endedEarly(log);
  });
  // The listener is removed as soon as `up` is ready: from then on `up` is independent of the process that started it.
  const starting = new AbortController();
  const interrupted = once(signal, 'abort', { signal: starting.signal }).then(() => {
    child.kill('SIGTERM');
    throw new SubagentsError('TIMEOUT', 'interrupted before it was ready', {
      remedy: 'run it again; downloads and builds are kept',
    });
  });
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message) => {
      const parsed = report.safeParse(message);
      if (!parsed.success) return;
      const update = parsed.data;
      if (update.kind === 'progress') onProgress(update.message);
      if (update.kind === 'failed')
        reject(new SubagentsError(update.code, update.message, { remedy: update.remedy }));
      if (update.kind !== 'ready') return;
      resolve();
      starting.abort();
    });
  });
  for (const other of [ended, interrupted]) other.catch(() => undefined);
  try {
    await Promise.race([ready, ended, interrupted]);
  } finally {
    starting.abort();
  }
}

function endedEarly(log: string): SubagentsError {
  return new SubagentsError('INTERNAL', '`up` ended before it was ready', { remedy: `see its log, ${log}` });
}
