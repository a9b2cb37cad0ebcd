/** The text of a diff, as `git diff` prints it: between two commits, or between a commit and the folder. */
import { PLAIN_DIFF } from './changes.ts';
import type { Git } from '../git.ts';
import { gitOutput } from '../output.ts';
import { withNewFiles } from '../commits/scratch-index.ts';

/** What to compare, and how to print it. */
export interface DiffRequest {
  readonly from: string;
  /** A commit; when absent, the folder with its committed, changed and new files (without ignored ones). */
  readonly to?: string | undefined;
  /** Print one line for each file instead of the changes themselves. */
  readonly stat: boolean;
  /** Width of `stat` output in columns. */
  readonly width: number;
  /** Maximum number of bytes that are read. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** The printed diff. */
export interface DiffText {
  readonly text: string;
  /** Whether the text was cut at `maxBytes`. */
  readonly truncated: boolean;
}

/** Returns the text of a diff. @throws SubagentsError GIT; the reason of `signal` */
export async function diffText(git: Git, request: DiffRequest): Promise<DiffText> {
  const { from, to, stat, width } = request;
  const form = stat ? [`--stat=${width}`, '--summary'] : ['--src-prefix=a/', '--dst-prefix=b/'];
  const args = ['-c', 'core.quotePath=false', 'diff', '--find-renames', ...form, ...PLAIN_DIFF];
  if (to !== undefined) return read(git, [...args, from, to, '--'], {}, request);
  return withNewFiles(git, (env) => read(git, [...args, from, '--'], env, request));
}

async function read(
  git: Git,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { maxBytes, signal }: DiffRequest,
): Promise<DiffText> {
  const decoder = new TextDecoder();
  let text = '';
  let left = maxBytes;
  for await (const chunk of gitOutput(git, args, { command: 'diff', env, signal })) {
    text += decoder.decode(chunk.subarray(0, left), { stream: true });
    left -= chunk.length;
    if (left < 0) break;
  }
  signal?.throwIfAborted();
  return { text: left < 0 ? text : text + decoder.decode(), truncated: left < 0 };
}

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
