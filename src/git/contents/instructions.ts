/** Reads the instructions that a repository has for Copilot from a commit, where no link leads elsewhere. */
import { head } from '../../contract/index.ts';
import type { Git } from '../git.ts';
import { fileAt } from './changes.ts';

const FILES = ['.github/copilot-instructions.md', 'AGENTS.md'];
/** Maximum number of characters of one file. */
const MAX_CHARS = 30_000;

/** Returns the instructions in `commit`; undefined where it has none. @throws SubagentsError GIT */
export async function instructionsAt(git: Git, commit: string | undefined): Promise<string | undefined> {
  if (commit === undefined) return undefined;
  const files = await git.run(['ls-tree', '--format=%(objectmode) %(path)', commit, '--', ...FILES]);
  const paths = FILES.filter((path) =>
    files.split('\n').some((line) => /^100/.test(line) && line.endsWith(` ${path}`)),
  );
  const texts = await Promise.all(paths.map((path) => fileAt(git, commit, path)));
  const found = texts.flatMap((text) => (text === undefined || text === '' ? [] : [head(text, MAX_CHARS)]));
  return found.length === 0 ? undefined : found.join('\n\n');
}
