/** `.subagents.json` at the root of a repository: what spawns that say nothing else start from. */
import { z } from 'zod';
import { duration, permissions, setupCommands, verifyCommands } from './spec.ts';

/** Where the file is, from the root of the repository. */
export const SETTINGS_FILE = '.subagents.json';
/** Its size at most, in bytes. */
export const MAX_SETTINGS_BYTES = 64 * 1024;

/** The file. Its JSON Schema is published as `subagents.schema.json`. */
export const repositorySettings = z
  .strictObject({
    $schema: z.string().optional().describe('the JSON Schema of this file, for editors'),
    setup: setupCommands
      .optional()
      .describe('commands that run in every new worktree before the first turn, for example npm ci'),
    verify: verifyCommands.optional().describe('commands that must exit 0 before a subagent is done'),
    model: z.string().min(1).max(100).optional().describe('a model that the worker allows'),
    timeout: duration.optional().describe('working time allowed: milliseconds, or words such as 45m'),
    permissions: permissions
      .optional()
      .describe(
        'all (every tool without asking), workspace (file tools stay in the worktree and the temporary folder) or read-only (no write, no shell)',
      ),
  })
  .describe('Defaults for subagents that work on this repository; what a spawn says wins');
/** What the file says; the timeout in milliseconds. */
export type RepositorySettings = z.output<typeof repositorySettings>;
