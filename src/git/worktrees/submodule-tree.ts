/**
 * Finds checked-out submodules, including nested repositories that are not declared: git enters them with their own
 * configuration.
 */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { readConfiguration, type ConfigValues } from '../trust/configuration.ts';
import { gitDirs } from '../git-dirs.ts';
import { runGit } from '../run.ts';
import { statIfThere } from '../../system/files.ts';

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
    if (!mayHaveSubmodules(repository)) return;
    for (const path of await links(repository)) {
      const folder = join(root, path);
      if (!isThere(folder) || seen.has(realpathSync(folder))) continue;
      seen.add(realpathSync(folder));
      const args = ['rev-parse', '--show-toplevel'];
      const [{ local }, top] = await Promise.all([readConfiguration(folder), runGit(args, { cwd: folder })]);
      found.push({ path: join(prefix, path), folder, configuration: local });
      // The submodule's configuration may place its files in another folder.
      await look(folder, top.exitCode === 0 ? top.stdout : folder, join(prefix, path));
    }
  };
  await look(cwd, cwd, '');
  return found;
}

const isThere = (folder: string): boolean =>
  statIfThere(folder)?.isDirectory() === true && existsSync(join(folder, '.git'));

/** False when the index certainly has no submodule. Reads one file, which git would read as well. */
function mayHaveSubmodules(repository: string): boolean {
  try {
    const { gitDir } = gitDirs(repository);
    if (readdirSync(gitDir).some((name) => name.startsWith('sharedindex.'))) return true;
    const index = join(gitDir, 'index');
    return existsSync(index) && readFileSync(index).includes(GITLINK);
  } catch {
    return true;
  }
}

/**
 * Returns the paths, from the root of the files, where the repository's index refers to a commit of another
 * repository.
 */
async function links(repository: string): Promise<string[]> {
  const args = ['ls-files', '--stage', '-z', '--full-name', '--', ':/'];
  const { stdout } = await runGit(args, { cwd: repository });
  return stdout
    .split('\0')
    .filter((line) => line.startsWith('160000 '))
    .map((line) => line.slice(line.indexOf('\t') + 1));
}
