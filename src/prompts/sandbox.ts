/** What a model is told about the bounds of its sandbox. */
import type { BoundedResource } from '../contract/spawn/bounds.ts';

/** What to do with less of it. */
const WHAT_NOW: Readonly<Record<BoundedResource, string>> = {
  memory: 'Do it with less: fewer jobs at a time, smaller inputs.',
  processes: 'Look for a program that starts itself again and again, or run fewer jobs at a time.',
  disk: 'Remove what is not needed before you go on: commands that write more are ended, too.',
};

const OF: Readonly<Record<BoundedResource, string>> = {
  memory: 'more memory than',
  processes: 'more processes and threads than',
  disk: 'more disk space (worktree, home directory and /tmp) than',
};

/**
 * Said at the end of the output of a command that was ended because its sandbox took too much.
 * @param most how much it may take, with its unit
 */
export const boundText = (resource: BoundedResource, most: string): string =>
  `subagents: this command was ended, with all that it had started: this sandbox took ${OF[resource]} the ${most} that it may take. ${WHAT_NOW[resource]}`;

/**
 * Said once, after the output of a command to which its sandbox refused something.
 * @param paths at least one
 */
export const refusedPathsText = (paths: readonly string[]): string =>
  `[subagents: outside this sandbox: ${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ' and more' : ''}. Only the worktree, /tmp and $HOME can be written, and are kept; other files of the machine can at most be read, and most are not there. Do not look for a way around: keep what you need in one of these folders, and say in your report what is missing.]`;
