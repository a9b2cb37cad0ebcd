/** Why a live subagent makes no progress: one field, the same in every interface. */
import { z } from 'zod';

/** The reasons, each with a word for the state and a description. */
export const STALLS = {
  question: { state: 'asking', words: 'waits for an answer' },
  approval: { state: 'asking', words: 'waits for an approval' },
  credentials: { state: 'waiting', words: 'waits for new credentials of its model' },
  limit: { state: 'waiting', words: 'waits for a limit of its model to pass' },
  space: { state: 'waiting', words: 'waits for space on the disk of its worker' },
  model: { state: 'failing', words: 'its model fails and is tried again' },
  silent: { state: 'stuck', words: 'shows no activity' },
  repeating: { state: 'stuck', words: 'repeats the same calls with the same results' },
  worker: { state: 'worker away', words: 'its worker does not respond' },
  workflow: {
    state: 'failing',
    words: 'its workflow task fails at every attempt: see the log of its worker',
  },
} as const;

const stallReason = z.enum(Object.keys(STALLS) as [keyof typeof STALLS, ...(keyof typeof STALLS)[]]);
export type StallReason = z.infer<typeof stallReason>;
/** A word for the state of a subagent that makes no progress. */
export type StallState = (typeof STALLS)[StallReason]['state'];

/** Why a subagent makes no progress, and since when. */
export const stalled = z
  .object({
    reason: stallReason,
    since: z.string().describe('ISO 8601'),
    detail: z
      .string()
      .optional()
      .describe(
        'details on one line: what runs, what failed, when the next attempt is; may contain text from a model',
      ),
  })
  .describe(
    'why the subagent makes no progress, and since when: check this first; absent while it makes progress',
  );

/** The memo key of the queue in which a subagent waits for its first slot. */
export const FIRST_QUEUE_MEMO = 'queue';

/** The memo key under which a workflow publishes the reason. */
export const STALLED_MEMO = 'stalled';
