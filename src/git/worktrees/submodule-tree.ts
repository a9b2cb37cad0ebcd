/**
 * Finds checked-out submodules, including nested repositories that are not declared: git enters them with their own
 * configuration.
 */
import { existsSync, realpathSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ByContent } from '../../system/by-content.ts';
import { readForeignFile, statIfThere } from '../../system/files.ts';
import { withScratch } from '../../system/scratch-folder.ts';
import { findGitDirs, gitDirs, isIndexSplit } from '../git-dirs.ts';
import { runGit } from '../run.ts';
import { readLocalConfiguration, type ConfigValues } from '../trust/configuration.ts';

/** The mode of a submodule entry in the index file. */
const GITLINK = Buffer.from([0x00, 0x00, 0xe0, 0x00]);

/** A checked-out submodule. */
export interface CheckedOutSubmodule {
  /** The path from the root of the checkout. */
  readonly path: string;
  readonly folder: string;
  /** The submodule's own settings. */
  readonly configuration: ConfigValues;
}

/**
 * Returns the submodules of the checkout, including nested ones at any depth. Starts no process when there are
 * none.
 */
export async function checkedOutSubmodules(cwd: string): Promise<CheckedOutSubmodule[]> {
  const found: CheckedOutSubmodule[] = [];
  const seen = new Set<string>();
  const look = async (repository: string, root: string, prefix: string): Promise<void> => {
    for (const path of await links(repository)) {
      const folder = join(root, path);
      if (!isThere(folder) || seen.has(realpathSync(folder))) continue;
      seen.add(realpathSync(folder));
      const configuration = await readLocalConfiguration(folder);
      found.push({ path: join(prefix, path), folder, configuration });
      await look(folder, filesOf(folder, configuration), join(prefix, path));
    }
  };
  await look(cwd, cwd, '');
  return found;
}

const isThere = (folder: string): boolean =>
  statIfThere(folder)?.isDirectory() === true && existsSync(join(folder, '.git'));

/** The folder with the files of a submodule, which its configuration may place elsewhere. */
function filesOf(folder: string, configuration: ConfigValues): string {
  const place = configuration.get('core.worktree')?.at(-1);
  const dirs = findGitDirs(folder)?.dirs;
  return place === undefined || dirs === undefined ? folder : resolve(dirs.gitDir, place);
}

const byIndex = new ByContent<readonly string[]>();

/**
 * Returns the paths, from the root of the files, where the repository's index refers to a commit of another
 * repository.
 */
async function links(repository: string): Promise<readonly string[]> {
  const index = wholeIndex(repository);
  if (index === undefined) return listLinks(repository);
  if (!index.includes(GITLINK)) return [];
  return byIndex.get(index, () =>
    withScratch(async (scratch) => {
      const copy = join(scratch, 'index');
      await writeFile(copy, index);
      return listLinks(repository, { GIT_INDEX_FILE: copy });
    }),
  );
}

/** Whether the repository's index has no submodule, as far as its file alone shows. */
export const certainlyHasNoLinks = (repository: string): boolean =>
  wholeIndex(repository)?.includes(GITLINK) === false;

/** The repository's index file, empty when there is none; undefined when that is not all of the index. */
function wholeIndex(repository: string): Buffer | undefined {
  try {
    const { gitDir } = gitDirs(repository);
    if (isIndexSplit(gitDir)) return undefined;
    const path = join(gitDir, 'index');
    return statIfThere(path) === undefined ? Buffer.alloc(0) : readForeignFile(path);
  } catch {
    return undefined;
  }
}

async function listLinks(repository: string, env: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const args = ['ls-files', '--stage', '-z', '--full-name', '--', ':/'];
  const { stdout } = await runGit(args, { cwd: repository, env });
  return stdout
    .split('\0')
    .filter((line) => line.startsWith('160000 '))
    .map((line) => line.slice(line.indexOf('\t') + 1));
}
