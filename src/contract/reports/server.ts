import { z } from 'zod';

/** The server and namespace in use. */
export const serverInfo = z.object({
  address: z.string(),
  namespace: z.string(),
  origin: z
    .string()
    .describe(
      'the rule that chose the server, for people: for example `--address` or `the running "subagents up"`',
    ),
  uiUrl: z.string().optional().describe('base URL of the Temporal Web UI, if known'),
  embedded: z.boolean().optional().describe('whether this is the server of the `up` that runs in the home'),
});
