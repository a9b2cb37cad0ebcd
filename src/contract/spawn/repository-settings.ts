/** `.subagents.json` at the root of a repository: defaults for options that a spawn leaves open. */
import { z } from 'zod';
import { repositoryOptions } from './spec.ts';

/** Path of the file in the repository. */
export const SETTINGS_FILE = '.subagents.json';
/** Maximum size of the file, in bytes. */
export const MAX_SETTINGS_BYTES = 64 * 1024;

/** The schema of the file, published as the JSON Schema `subagents.schema.json`. */
export const repositorySettings = z
  .strictObject({
    $schema: z.string().optional().describe('the JSON Schema of this file, for editors'),
    ...repositoryOptions,
  })
  .describe('Defaults for subagents that work on this repository; options of a spawn take precedence');
/** The parsed file, with the timeout in milliseconds. */
export type RepositorySettings = z.output<typeof repositorySettings>;
