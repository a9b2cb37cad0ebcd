/** The slow ways to get the embedded server's program: download, and build. */
import { readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import type { Env } from '../system/home-root.ts';
import {
  DOWNLOAD_PACKAGE,
  packagesInstallCommand,
  missingPackages,
  missingText,
} from '../system/optional-packages.ts';
import { withoutTemporal } from './environment.ts';

/** The Temporal CLI version that all measurements refer to. Later ones cannot be installed with `go install`. */
export const TEMPORAL_CLI_VERSION = '1.5.1';

/** Why a way failed, for people. */
export class BinarySourceFailed extends Error {
  override readonly name = 'BinarySourceFailed';
}

/** A way to get the program. */
export interface BinarySource {
  readonly name: string;
  /** What the user can do to make it work, on one line. */
  readonly remedy: string;
  /** Puts the program into the empty folder `folder`, or below it. @returns its path. @throws if that fails */
  get(options: {
    readonly folder: string;
    readonly env: Env;
    readonly onProgress: (line: string) => void;
  }): Promise<string>;
}

/** Milliseconds without a single byte after which a download is given up: a firewall may drop it silently. */
const DOWNLOAD_STALL_MS = 15_000;
const PROGRESS_EVERY_MS = 5_000;
/** The build takes 2.5 minutes on 2 cores, after a download of 1.5 GB. */
const BUILD_TIMEOUT_MS = 30 * 60_000;

// In a separate process: the SDK allows one native runtime per process, and the worker configures it.
const DOWNLOAD = `
const { TestWorkflowEnvironment } = await import(process.argv[1]);
const executable = { type: 'cached-download', downloadDir: process.argv[2], version: process.argv[3] };
try {
  await (await TestWorkflowEnvironment.createLocal({ server: { executable } })).teardown();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
`;

/** The SDK's own download from temporal.download, triggered by starting a test server. */
export const downloadWithSdk: BinarySource = {
  name: `download from https://temporal.download`,
  remedy: 'allow this machine to reach https://temporal.download (HTTPS_PROXY is honoured), and try again',
  async get({ folder, env, onProgress }) {
    const missing = missingPackages([DOWNLOAD_PACKAGE]);
    if (missing.length > 0)
      throw new BinarySourceFailed(`${missingText(missing)}: ${packagesInstallCommand()}`);
    const stop = new AbortController();
    const testing = pathToFileURL(createRequire(import.meta.url).resolve(DOWNLOAD_PACKAGE)).href;
    const child = execa(
      process.execPath,
      ['--input-type=module', '--eval', DOWNLOAD, testing, folder, `v${TEMPORAL_CLI_VERSION}`],
      {
        env: withoutTemporal(env),
        extendEnv: false,
        stdin: 'ignore',
        cancelSignal: stop.signal,
        reject: false,
      },
    );
    const ended = reporting('downloading the Temporal server', onProgress);
    let bytes = 0;
    let since = Date.now();
    const watch = setInterval(() => {
      void folderSize(folder).then((size) => {
        if (size !== bytes) [bytes, since] = [size, Date.now()];
        else if (Date.now() - since > DOWNLOAD_STALL_MS) stop.abort();
      });
    }, 1_000);
    try {
      const result = await child;
      if (result.isCanceled)
        throw new BinarySourceFailed(
          `the download stalled for ${DOWNLOAD_STALL_MS / 1_000} s after ${bytes} bytes`,
        );
      if (result.failed) throw new BinarySourceFailed(rootCause(result.stderr) || result.shortMessage);
    } finally {
      clearInterval(watch);
      ended();
    }
    return join(folder, await onlyFile(folder));
  },
};

/** `go install`, if Go is installed. */
export const buildWithGo: BinarySource = {
  name: `go install github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI_VERSION}`,
  remedy: 'install Go 1.24 or newer from https://go.dev/dl with access to a Go module proxy, and try again',
  async get({ folder, env, onProgress }) {
    const ended = reporting(
      `building the Temporal server with Go (once on this machine; 2 to 5 minutes)`,
      onProgress,
    );
    try {
      const result = await execa(
        'go',
        ['install', '-ldflags=-s -w', `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI_VERSION}`],
        {
          env: { ...withoutTemporal(env), GOBIN: folder },
          extendEnv: false,
          stdin: 'ignore',
          timeout: BUILD_TIMEOUT_MS,
          reject: false,
        },
      );
      if (result.failed)
        throw new BinarySourceFailed(
          result.code === 'ENOENT' ? 'no `go` on PATH' : lastLines(result.stderr) || result.shortMessage,
        );
    } finally {
      ended();
    }
    return join(folder, await onlyFile(folder));
  },
};

/** Reports regularly that `doing` goes on, until the returned function is called. */
function reporting(doing: string, onProgress: (line: string) => void): () => void {
  const since = Date.now();
  onProgress(`${doing} …`);
  const timer = setInterval(() => {
    onProgress(`${doing} … ${Math.round((Date.now() - since) / 1_000)} s`);
  }, PROGRESS_EVERY_MS);
  return () => clearInterval(timer);
}

async function onlyFile(folder: string): Promise<string> {
  const [name, ...more] = await readdir(folder);
  if (name === undefined || more.length > 0)
    throw new BinarySourceFailed(`it produced ${more.length} files instead of one`);
  return name;
}

async function folderSize(folder: string): Promise<number> {
  let size = 0;
  for (const name of await readdir(folder).catch(() => []))
    size += (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0;
  return size;
}

// The SDK's message repeats itself with each level; the useful part is at its end.
function rootCause(message: string): string {
  return (
    lastLines(message)
      .split(/: (?=client error|dns error|operation timed out)/)
      .at(-1) ?? message
  );
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' | ').slice(-400);
}
