/** `.worktreeinclude`: which of the files that git ignores come along into a worktree. */

/** Where the file is, from the root of the repository. */
export const INCLUDE_FILE = '.worktreeinclude';
