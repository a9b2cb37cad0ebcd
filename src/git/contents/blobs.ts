/** Finds large files in commits. */
import type { Git } from '../git.ts';

/** A file's content in a commit. */
export interface Blob {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Returns files of more than `over` bytes in any commit of `base`..`head`, including files removed by a later
 * commit, since their content stays in the history.
 * @throws SubagentsError GIT
 */
export async function largeBlobs(
  git: Git,
  { base, head, over }: { readonly base: string; readonly head: string; readonly over: number },
): Promise<Blob[]> {
  const objects = await git.run(['rev-list', '--objects', '--no-object-names', `${base}..${head}`]);
  if (objects === '') return [];
  const format = '--batch-check=%(objectname) %(objecttype) %(objectsize)';
  const sizes = await git.run(['cat-file', format], { input: `${objects}\n` });
  const large = new Map<string, number>();
  for (const line of sizes.split('\n')) {
    const [id = '', type, size] = line.split(' ');
    if (type === 'blob' && Number(size) > over) large.set(id, Number(size));
  }
  if (large.size === 0) return [];
  const listed = await git.run(['rev-list', '--objects', `${base}..${head}`]);
  return listed.split('\n').flatMap((line) => {
    const bytes = large.get(line.slice(0, line.indexOf(' ')));
    return bytes === undefined ? [] : [{ path: line.slice(line.indexOf(' ') + 1), bytes }];
  });
}
