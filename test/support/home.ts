import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openHome, type Home } from '../../src/home/home.ts';

/** A folder that is removed with everything in it. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

/** Makes an empty folder: `await using folder = await temporaryFolder()`. */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), 'subagents-test-'));
  return {
    path,
    // A server that is closing may still write.
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }),
  };
}

/** A home that is removed with everything in it: `await using home = await temporaryHome()`. */
export async function temporaryHome(): Promise<Home & AsyncDisposable> {
  const folder = await temporaryFolder();
  const home = await openHome(join(folder.path, 'home'));
  return { ...home, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}
