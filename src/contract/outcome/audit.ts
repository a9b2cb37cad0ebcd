import { z } from 'zod';

/** An action on a subagent, and who took it. */
export const auditEntry = z.object({
  at: z.string().describe('ISO 8601'),
  action: z.enum(['spawn', 'continue', 'steer', 'answer', 'approve', 'reject', 'kill', 'forget', 'merge']),
  by: z
    .string()
    .describe(
      'the identity of the caller, as `alice@devbox (terminal)`; Temporal’s own tools have another form',
    ),
});
