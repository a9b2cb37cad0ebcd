import { z } from 'zod';
import { stepView } from '../chains/chain-step.ts';
import { auditEntry } from '../outcome/audit.ts';
import { cleaned, question, subagentView } from '../protocol/messages.ts';
import { outcome, usage } from '../outcome/outcome.ts';
import { stalled } from '../status/stalled.ts';
import { status } from '../status/status.ts';
import { identity, notes } from './identity.ts';
import { absence } from './listing.ts';

const { approvals, cwd, copilotSessionId, permissions, steers } = subagentView.shape;

/** Everything known about one subagent. */
export const subagentDescription = identity.extend({
  status,
  since: z.string().describe('ISO 8601, when this status (or, while it works, the current action) began'),
  doing: z.string().describe('for people: the tool that runs, or what the status means'),
  stalled: stalled.optional(),
  away: absence.optional(),
  startedAt: z.string(),
  endedAt: z.string().optional(),
  task: z.string().optional().describe('the beginning of the task'),
  repo: z.string().optional(),
  branch: z.string().nullable().optional(),
  cwd,
  copilotSessionId: copilotSessionId.optional(),
  permissions,
  workerId: z.string().optional(),
  model: z.string().optional(),
  usage: usage.optional(),
  lastEventAt: z.string().optional().describe('ISO 8601, when the last model event or tool output arrived'),
  lastMessage: z.string().optional(),
  turns: z.number().int(),
  questions: z.array(question),
  approvals,
  steers,
  steps: z.array(stepView).optional().describe('of a chain: the state of each step'),
  outcome: outcome.optional().describe('present when the subagent has ended and left one'),
  url: z.string().optional().describe('its page in the Temporal Web UI, if known'),
  audit: z
    .array(auditEntry)
    .describe('who spawned, steered, answered, ended and merged it: the first entry and the newest ones'),
  cleaned: cleaned.optional().describe('which of its remains were removed since it ended'),
  workerless: z
    .boolean()
    .describe('no worker polls, or none answered in time: what only its workflow knows is missing'),
  notes,
});
