/** The lines that a change adds. */
import { PLAIN_DIFF } from './changes.ts';
import type { Git } from '../git.ts';

/** Returns the lines added between two commits, by file path. Binary files have none. @throws SubagentsError GIT */
export async function addedLines(git: Git, base: string, head: string): Promise<Map<string, string>> {
  const args = [
    '-c',
    'core.quotePath=false',
    'diff',
    '--unified=0',
    '--no-renames',
    '--dst-prefix=b/',
    ...PLAIN_DIFF,
  ];
  const found = new Map<string, string[]>();
  let lines: string[] = [];
  let inHeader = true;
  for (const line of (await git.run([...args, base, head, '--'])).split('\n')) {
    if (line.startsWith('diff --git ')) inHeader = true;
    else if (line.startsWith('@@')) inHeader = false;
    else if (inHeader && line.startsWith('+++ b/')) {
      lines = [];
      // A name with spaces is followed by a tab.
      found.set(line.slice('+++ b/'.length).replace(/\t$/, ''), lines);
    } else if (!inHeader && line.startsWith('+')) lines.push(line.slice(1));
  }
  return new Map([...found].map(([path, added]) => [path, added.join('\n')]));
}
