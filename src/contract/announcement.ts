import { z } from 'zod';
import { caveatKinds } from './caveat.ts';
import { MAX_ANNOUNCEMENT_BYTES, MAX_SUMMARY_CHARS } from './limits.ts';
import { status, type FinalStatus } from './status.ts';
import { byteLength, oneLine } from './text.ts';

/** A name or an id, as it stands in what is told: anybody may signal, and what stands outside a fence is one plain word. */
export const word = z
  .string()
  .regex(/^[!-~]{1,400}$/, 'use 1 to 400 printable characters of ASCII, no spaces');

/** What a session tells its main agent. At most 1 KB; the outcome is fetched by reference. */
export const announcement = z.object({
  id: word.describe('stable: a receiver that drops ids it has seen sees each announcement once'),
  kind: z.enum(['completed', 'failed', 'killed', 'question', 'stuck', 'worker-away', 'notice']),
  session: word,
  label: word,
  run: z.number().int(),
  workflowId: word,
  runId: word.describe('the first execution run id of the subagent workflow'),
  status,
  caveats: caveatKinds.optional().describe('kinds of caveats of one that is done'),
  summary: z.string().max(MAX_SUMMARY_CHARS),
  at: z.iso.datetime(),
});
export type Announcement = z.infer<typeof announcement>;

/** An announcement with as much of `summary` as its bound of 1 KB leaves room for. */
export function withSummary(about: Omit<Announcement, 'summary'>, summary: string): Announcement {
  for (let max = MAX_SUMMARY_CHARS; ; max = Math.floor(max / 2)) {
    const bounded = { ...about, summary: oneLine(summary, max) };
    if (max < 8 || byteLength(JSON.stringify(bounded)) <= MAX_ANNOUNCEMENT_BYTES) return bounded;
  }
}

/** What an end is announced as. */
export function kindOf(ended: FinalStatus): Announcement['kind'] {
  return ended === 'done' ? 'completed' : ended === 'killed' ? 'killed' : 'failed';
}
