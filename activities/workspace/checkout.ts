/** Clones of callers' checkouts that a pool took: their commits come from the store, and the rest from a URL if there is one. */
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  SubagentsError,
  type ResolvedSpec,
  type SentCheckout,
  type SubagentRef,
} from '../../src/contract/index.ts';
import { applyBundle, prerequisitesOf } from '../../src/git/bundles.ts';
import type { Git } from '../../src/git/git.ts';
import { clone, fetchCommit, hasCommit } from '../../src/git/remote.ts';
import { isAncestor } from '../../src/git/repository.ts';
import { unfinishedClonePath } from '../../src/home/clones.ts';
import { uploadName, uploadRef } from '../../src/store/records.ts';
import type { Store } from '../../src/store/store.ts';

/** Opens the worker's store. @throws SubagentsError NO_STORE, OTHER_STORE if it is not the one with this id, and as `Store.open` */
export type RequireStore = (id: string) => Promise<Store>;

/** Of a worker without a store. */
export const withoutStore: RequireStore = () =>
  Promise.reject(
    new SubagentsError('NO_STORE', 'the worker has no store', { remedy: 'start it with SUBAGENTS_STORE' }),
  );

/** The name under which a home has the clone of a checkout: that of another folder or host has another. */
export const checkoutName = ({ repo, hostQueue }: Pick<ResolvedSpec, 'repo' | 'hostQueue'>): string =>
  `checkout ${hostQueue} ${repo}`;

/** @throws SubagentsError REPO_REFUSED where the worker accepts only certain repositories: a checkout has no proof of its origin */
export function checkCheckoutAllowed(
  { repo }: Pick<ResolvedSpec, 'repo'>,
  repos: readonly string[] | undefined,
): void {
  if (repos === undefined) return;
  throw new SubagentsError(
    'REPO_REFUSED',
    `the checkout ${basename(repo)} comes from another machine, and this worker accepts only the repositories of SUBAGENTS_REPOS`,
    {
      remedy:
        'Push the branch and name the repository by its URL, or name a pool whose workers accept checkouts.',
    },
  );
}

/** Makes an empty clone at `folder`, or one of the checkout's URL. @throws SubagentsError as `clone` */
export async function makeCheckoutClone(
  { url, commit }: SentCheckout,
  folder: string,
  git: Git,
): Promise<void> {
  if (url !== undefined) return clone(url, folder, git);
  const format = commit.length > 40 ? 'sha256' : 'sha1';
  await git.in('/').run(['init', '--quiet', '--template=', `--object-format=${format}`, '--', folder]);
}

/**
 * Ensures that the clone has the commit of the checkout.
 * @throws SubagentsError UNKNOWN_BASE where neither the store nor the URL has what it takes; GIT, and as `Store.get`
 */
export async function receiveCheckout(
  git: Git,
  checkout: SentCheckout,
  { runId }: Pick<SubagentRef, 'runId'>,
  requireStore: RequireStore,
): Promise<void> {
  const { commit, upload, url } = checkout;
  // The caller has these commits: the ref says so to whoever looks for work that is nowhere else.
  const ref = `refs/remotes/caller/${runId}`;
  if (!(await hasCommit(git, commit))) {
    if (upload !== undefined) await receiveUpload(git, { ...checkout, upload }, ref, requireStore);
    else if (url !== undefined) await fetchCommit(git, url, commit);
  }
  await git.run(['update-ref', '--no-deref', ref, commit]);
  const head = await git.try(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']);
  if (head.exitCode !== 0) await git.run(['update-ref', '--no-deref', 'HEAD', commit]);
}

async function receiveUpload(
  git: Git,
  { store: id, commit, upload, url }: SentCheckout & { readonly upload: string },
  into: string,
  requireStore: RequireStore,
): Promise<void> {
  const store = await requireStore(id);
  const { signal } = git;
  const object = await store.get(uploadName(upload), { signal });
  if (object === undefined)
    throw gone(`the commits of the checkout are no longer in the store ${store.place}`);
  if (object.record.kind !== 'upload' || object.record.commit !== commit)
    throw gone(`the store ${store.place} has other commits than those of the checkout`);
  // Beside the clone, under its lock: temporary folders may be small.
  const file = `${unfinishedClonePath(git.cwd)}-bundle`;
  try {
    await rm(file, { force: true });
    await pipeline(Readable.from(object.content), createWriteStream(file, { flags: 'wx', mode: 0o600 }), {
      signal,
    });
    for (const each of await prerequisitesOf(file)) {
      if (await hasCommit(git, each)) continue;
      if (url === undefined) throw gone(`the upload needs the commit ${each}, which is nowhere`);
      await fetchCommit(git, url, each);
    }
    await applyBundle(git, file, { ref: uploadRef(upload), commit }, { into });
  } finally {
    await rm(file, { force: true });
  }
}

const gone = (message: string): SubagentsError =>
  new SubagentsError('UNKNOWN_BASE', message, { remedy: 'Spawn it again from the checkout.' });

/**
 * Moves the branch of a continued subagent to the commits that its caller made on it meanwhile.
 * @returns a note on that
 * @throws SubagentsError BAD_INPUT if the branch has moved here, too; GIT if files in the worktree are in the way
 */
export async function takeCallersCommits(
  git: Git,
  { checkout, sandbox }: Pick<ResolvedSpec, 'checkout' | 'sandbox'>,
): Promise<string[]> {
  if (checkout === undefined || sandbox) return [];
  const { commit } = checkout;
  if (await isAncestor(git, commit, 'HEAD')) return [];
  if (!(await isAncestor(git, 'HEAD', commit)))
    throw new SubagentsError(
      'BAD_INPUT',
      `the branch here does not lead to the caller's commit ${commit.slice(0, 12)}: it has commits of its own`,
      { remedy: 'Spawn a new subagent from your commits.' },
    );
  await git.run(['merge', '--quiet', '--ff-only', commit]);
  return [`the branch has the commits that its caller made meanwhile, up to ${commit.slice(0, 12)}`];
}
