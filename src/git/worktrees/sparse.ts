/** Reads and restores the sparse patterns of a worktree. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, statIfThere } from '../../system/files.ts';
import { withOwnIndex } from '../commits/own-index.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';

/** The sparse patterns of a worktree. */
export const sparsePatterns = z.object({
  /** `core.sparseCheckoutCone`. */
  cone: z.boolean(),
  /** The text of `info/sparse-checkout`. */
  patterns: z.string(),
});
/** null: everything is checked out. */
export type SparsePatterns = z.infer<typeof sparsePatterns> | null;

const SPARSE = 'core.sparseCheckout';
const CONE = 'core.sparseCheckoutCone';

/** Reads the sparse patterns of the worktree. @throws SubagentsError GIT */
export async function readSparse(git: Git): Promise<SparsePatterns> {
  const read = async (key: string): Promise<string> => (await git.try(['config', '--type=bool', key])).stdout;
  const patterns = readIfThere(patternsPath(git.cwd));
  if (patterns === undefined || (await read(SPARSE)) !== 'true') return null;
  return { cone: (await read(CONE)) === 'true', patterns };
}

const patternsPath = (cwd: string): string => join(gitDirs(cwd).gitDir, 'info', 'sparse-checkout');

/**
 * Restores the sparse patterns `before` and the files they select. The worktree should have no uncommitted changes;
 * any that exist stay.
 * @returns notes on what was done; empty when the patterns are unchanged.
 * @throws SubagentsError GIT
 */
export async function restoreSparse(git: Git, before: SparsePatterns | undefined): Promise<string[]> {
  if (before === undefined) return [];
  const now = await readSparse(git);
  if (now?.patterns === before?.patterns && now?.cone === before?.cone) return [];
  const { gitDir } = gitDirs(git.cwd);
  const path = patternsPath(git.cwd);
  return withOwnIndex(git, async ({ git: own, adopt }) => {
    const info = join(gitDir, 'info');
    // A link in place of the folder must not be followed.
    if (statIfThere(info)?.isDirectory() !== true) rmSync(info, { force: true });
    mkdirSync(info, { recursive: true });
    rmSync(path, { force: true });
    writeFileSync(path, before?.patterns ?? '/*\n', { flag: 'wx' });
    await own.try(['update-index', '-q', '--refresh']);
    const by = ['-c', `${SPARSE}=true`, '-c', `${CONE}=${before?.cone ?? false}`];
    const answer = await own.try([...by, 'read-tree', '-m', '-u', 'HEAD']);
    if (answer.exitCode === 0) await adopt();
    if (before === null) rmSync(path, { force: true });
    await configure(join(gitDir, 'config.worktree'), before, own);
    const how = before === null ? 'everything is checked out again' : 'the earlier patterns apply again';
    const failed = answer.exitCode === 0 ? '' : `, but git could not apply them: ${answer.stderr}`;
    return [`the sparse patterns of the worktree had been changed; ${how}${failed}`];
  });
}

/** Updates the worktree's own configuration file, if it exists. */
async function configure(file: string, before: SparsePatterns, git: Git): Promise<void> {
  if (readIfThere(file) === undefined) return;
  const set = (key: string, value: boolean) =>
    git.try(['config', '--file', file, '--replace-all', key, String(value)]);
  await set(SPARSE, before !== null);
  if (before !== null) await set(CONE, before.cone);
}
