/** The submodules that are checked out, also those that nobody made one: git looks into them with their own configuration. */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { readConfiguration, type Settings } from '../trust/configuration.ts';
import { gitDirs } from '../git-dirs.ts';
import { runGit } from '../run.ts';
import { statIfThere } from '../../system/files.ts';

/** The mode of a submodule, as an entry of the index has it. */
const GITLINK = Buffer.from([0x00, 0x00, 0xe0, 0x00]);

export interface CheckedOutSubmodule {
  /** From the root of the checkout. */
  readonly path: string;
  readonly folder: string;
  /** What lies in it. */
  readonly configuration: Settings;
}

/** Those of the checkout `cwd`, and those within them, however deep. Where there is none, no process is started. */
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
      // Its files may lie elsewhere, by its configuration.
      await look(folder, top.exitCode === 0 ? top.stdout : folder, join(prefix, path));
    }
  };
  await look(cwd, cwd, '');
  return found;
}

const isThere = (folder: string): boolean =>
  statIfThere(folder)?.isDirectory() === true && existsSync(join(folder, '.git'));

/** False where the index certainly has no submodule; this reads one file, which git would have to read as well. */
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

/** The paths, from the root of its files, at which the repository's index has a commit of another one. */
async function links(repository: string): Promise<string[]> {
  const args = ['ls-files', '--stage', '-z', '--full-name', '--', ':/'];
  const { stdout } = await runGit(args, { cwd: repository });
  return stdout
    .split('\0')
    .filter((line) => line.startsWith('160000 '))
    .map((line) => line.slice(line.indexOf('\t') + 1));
}
