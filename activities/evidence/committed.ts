/** Caveats of committed files: large files and likely secrets stay in the git history. */
import { caveatOf, type Caveat } from '../../src/contract/index.ts';
import type { ChangedFile } from '../../src/git/contents/changes.ts';
import { largeBlobs } from '../../src/git/contents/blobs.ts';
import { likelySecret, MAX_COMMITTED_FILE_BYTES } from '../../src/git/commits/commit-limits.ts';
import { addedLines } from '../../src/git/contents/diff.ts';
import { quotedPaths } from '../verification/command-record.ts';
import type { Git } from '../../src/git/git.ts';

/** In a change with more new lines than this, only file names are checked. */
const MAX_READ_LINES = 100_000;

/** Returns caveats for large files and likely secrets in the commits of `base..head`. @throws SubagentsError GIT */
export async function committedCaveats(
  git: Git,
  { base, head, files }: { base: string; head: string; files: readonly ChangedFile[] },
): Promise<Caveat[]> {
  if (base === head) return [];
  const lines = files.reduce((sum, { insertions }) => sum + insertions, 0);
  const [large, added] = await Promise.all([
    largeBlobs(git, { base, head, over: MAX_COMMITTED_FILE_BYTES }),
    lines <= MAX_READ_LINES ? addedLines(git, base, head) : new Map<string, string>(),
  ]);
  const changed = files.filter(({ insertions }) => insertions > 0).map(({ path }) => path);
  const secrets = changed.filter(
    (path) => likelySecret(path, Buffer.from(added.get(path) ?? ' ')) !== undefined,
  );
  const sizes = large.map(({ path, bytes }) => `${path} (${Math.round(bytes / 1024 / 1024)} MiB)`);
  return [
    ...(large.length > 0 ? [caveatOf('large-files', `it committed large files: ${quotedPaths(sizes)}`)] : []),
    ...(secrets.length > 0
      ? [caveatOf('secrets', `it committed what looks like secrets: ${quotedPaths(secrets)}`)]
      : []),
  ];
}
