/** `.subagents.json` at the root of a repository: what spawns that say nothing else start from. */
import { z } from 'zod';
import { repositoryOptions } from './spec.ts';

/** Where the file is, from the root of the repository. */
export const SETTINGS_FILE = '.subagents.json';
/** Its size at most, in bytes. */
export const MAX_SETTINGS_BYTES = 64 * 1024;

/** The file. Its JSON Schema is published as `subagents.schema.json`. */
export const repositorySettings = z
  .strictObject({
    $schema: z.string().optional().describe('the JSON Schema of this file, for editors'),
    ...repositoryOptions,
  })
  .describe('Defaults for subagents that work on this repository; what a spawn says wins');
/** What the file says; the timeout in milliseconds. */
export type RepositorySettings = z.output<typeof repositorySettings>;
