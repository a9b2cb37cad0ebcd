import { z } from 'zod';

/** What people and programs do to a subagent. */
export const AUDITED_ACTIONS = ['spawn', 'continue', 'steer', 'answer', 'kill', 'forget', 'merge'] as const;

/** An action on a subagent, and who took it. */
export const auditEntry = z.object({
  at: z.string().describe('ISO 8601'),
  action: z.enum(AUDITED_ACTIONS),
  by: z
    .string()
    .describe(
      'the identity of the caller, as `alice@devbox (terminal)`; Temporal’s own tools have another form',
    ),
});
