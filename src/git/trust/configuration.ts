/** The configuration of a repository. */
import { tryGit } from '../run.ts';

/** The configuration that lies in the repository itself, with all that it includes: keys with their values, in order. */
export async function localConfiguration(repo: string): Promise<Map<string, string[]>> {
  const { stdout } = await tryGit(['config', '--list', '--show-scope', '--includes', '-z'], { cwd: repo });
  const items = stdout.split('\0');
  const found = new Map<string, string[]>();
  for (let at = 0; at + 1 < items.length; at += 2) {
    if (items[at] !== 'local' && items[at] !== 'worktree') continue;
    const [key = '', ...value] = (items[at + 1] ?? '').split('\n');
    found.set(key, [...(found.get(key) ?? []), value.join('\n')]);
  }
  return found;
}
