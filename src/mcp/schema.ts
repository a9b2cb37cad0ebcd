import type { StandardSchemaWithJSON } from '@modelcontextprotocol/server';
import type { z } from 'zod';

/**
 * A schema that clients see but that accepts everything: `callTool` checks the input, with our own messages and
 * remedies.
 */
export function shownOnly(schema: z.ZodType): StandardSchemaWithJSON<unknown, unknown> {
  const { jsonSchema } = schema['~standard'];
  return {
    '~standard': { version: 1, vendor: 'zod', validate: (value) => ({ value }), jsonSchema },
  };
}
