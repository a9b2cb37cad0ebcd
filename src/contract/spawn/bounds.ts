/** What a sandbox may take of its machine. */

/** What is bounded. */
export const BOUNDED_RESOURCES = ['memory', 'processes', 'disk'] as const;
/** What is bounded. */
export type BoundedResource = (typeof BOUNDED_RESOURCES)[number];

/** The most that all programs of one sandbox may take together. */
export interface SandboxBounds {
  /** Bytes. */
  readonly memory: number;
  /** Processes, and threads beyond the first of each. */
  readonly processes: number;
  /** Bytes of its worktree, repository, home directory and temporary folder. */
  readonly disk: number;
}
