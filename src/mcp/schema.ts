import type { StandardSchemaWithJSON } from '@modelcontextprotocol/server';
import type { z } from 'zod';

/** A schema that is shown to clients and checks nothing: `callTool` does, with messages and remedies of ours. */
export function shownOnly(schema: z.ZodType): StandardSchemaWithJSON<unknown, unknown> {
  const { jsonSchema } = schema['~standard'];
  return {
    '~standard': { version: 1, vendor: 'zod', validate: (value) => ({ value }), jsonSchema },
  };
}
