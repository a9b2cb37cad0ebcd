import { z } from 'zod';
import { caveatKinds } from '../outcome/caveat.ts';
import { MAX_ANNOUNCEMENT_BYTES, MAX_SUMMARY_CHARS } from '../limits.ts';
import { status, type FinalStatus } from '../status/status.ts';
import { byteLength, oneLine } from '../text/text.ts';
import type { Announcement } from '../reports/types.ts';

/** A name or id in messages. Anyone may send a signal, and text outside a fence must be one plain word. */
export const word = z
  .string()
  .regex(/^[!-~]{1,400}$/, 'use 1 to 400 printable ASCII characters without spaces');

/** A message from a session to its main agent. At most 1 KB; the receiver fetches the outcome by reference. */
export const announcement = z.object({
  id: word.describe('stable: a receiver that ignores ids that it has seen gets each announcement once'),
  kind: z.enum(['completed', 'failed', 'killed', 'question', 'approval', 'stuck', 'worker-away', 'notice']),
  session: word,
  label: word,
  run: z.number().int(),
  workflowId: word,
  runId: word.describe('the first execution run id of the subagent workflow'),
  status,
  caveats: caveatKinds.optional().describe('kinds of its caveats, if it is done'),
  approval: word.optional().describe('the id of the approval that it asks for'),
  summary: z.string().max(MAX_SUMMARY_CHARS),
  at: z.iso.datetime(),
});

/** An announcement with as much of `summary` as fits into the limit of 1 KB. */
export function withSummary(about: Omit<Announcement, 'summary'>, summary: string): Announcement {
  for (let max = MAX_SUMMARY_CHARS; ; max = Math.floor(max / 2)) {
    const bounded = { ...about, summary: oneLine(summary, max) };
    if (max < 8 || byteLength(JSON.stringify(bounded)) <= MAX_ANNOUNCEMENT_BYTES) return bounded;
  }
}

/** The kind of the announcement of an end. */
export function endKind(ended: FinalStatus): Announcement['kind'] {
  return ended === 'done' ? 'completed' : ended === 'killed' ? 'killed' : 'failed';
}
