/**
 * Bundles: commits with all that they need, as a stream or a file. A bundle names exactly one ref of ours, and is only
 * applied if it names that ref, at the commit that is expected.
 */
import { open } from 'node:fs/promises';
import { SubagentsError } from '../contract/errors.ts';
import type { Git } from './git.ts';
import { gitOutput } from './output.ts';
import { gitError } from './run.ts';

/** Bytes of a bundle's header that are read: one line for each prerequisite. */
const MAX_HEADER_BYTES = 16 * 1024 * 1024;
const FETCH_TIMEOUT_MS = 2 * 60 * 60_000;

/** What a bundle has: its only ref, and the commit there. */
export interface BundledCommit {
  /** A full ref name below refs/subagents/. */
  readonly ref: string;
  readonly commit: string;
}

/**
 * Makes a bundle of `commit` without what is reachable from the commits `without`, and streams it. The ref exists in the
 * repository only meanwhile.
 * @throws SubagentsError GIT; the reason of the handle's signal
 */
export async function* bundleOf(
  git: Git,
  { ref, commit }: BundledCommit,
  without: readonly string[],
): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal } = git;
  signal?.throwIfAborted();
  await git.run(['update-ref', '--no-deref', ref, commit]);
  try {
    const input = without.map((each) => `^${each}\n`).join('');
    yield* gitOutput(git, ['bundle', 'create', '--quiet', '-', ref, '--stdin'], {
      command: 'bundle',
      input,
      signal,
    });
  } finally {
    await deleteRef(git, ref);
  }
}

/** Deletes a ref, also after the handle's signal was aborted. */
async function deleteRef(git: Git, ref: string): Promise<void> {
  await git.with({ signal: undefined }).try(['update-ref', '--no-deref', '-d', ref]);
}

/** The commits that a repository must have before the bundle in `file` can be applied. @throws SubagentsError GIT */
export async function prerequisitesOf(file: string): Promise<string[]> {
  const handle = await open(file);
  try {
    const found: string[] = [];
    let bytes = 0;
    for await (const line of handle.readLines({ autoClose: false })) {
      if ((bytes += line.length) > MAX_HEADER_BYTES || line === '') break;
      const [, id] = /^-([0-9a-f]{40,64})(?: |$)/.exec(line) ?? [];
      if (id !== undefined) found.push(id);
    }
    return found;
  } finally {
    await handle.close();
  }
}

/**
 * Fetches the commit of the bundle in `file` into the repository, as the ref `into`. The names in the bundle are used for
 * nothing.
 * @param options.check whether git checks each object for what it knows to be malicious
 * @throws SubagentsError GIT if the bundle has another ref or commit, is incomplete, or needs commits that are not there
 */
export async function applyBundle(
  git: Git,
  file: string,
  { ref, commit }: BundledCommit,
  { into, check = false }: { readonly into: string; readonly check?: boolean },
): Promise<void> {
  const heads = await git.try(['bundle', 'list-heads', file]);
  if (heads.exitCode !== 0 || heads.stdout !== `${commit} ${ref}`)
    throw new SubagentsError(
      'GIT',
      `the bundle is not the one of ${commit.slice(0, 12)}: nothing of it was used`,
      {
        remedy: 'somebody changed what is in the store, or it is damaged: see `subagents store list`',
      },
    );
  const checks = ['-c', `fetch.fsckObjects=${check}`, '-c', 'protocol.file.allow=always'];
  const args = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'];
  const fetch = [...checks, ...args, '--no-auto-maintenance', '--no-prune', '--', file, `+${ref}:${into}`];
  const answer = await git.try(fetch, { timeoutMs: FETCH_TIMEOUT_MS });
  if (answer.exitCode !== 0) throw gitError(['fetch'], git.cwd, answer);
}
