import { z } from 'zod';

/** Where a live subagent is. The same words in lists, the Web UI, JSON and announcements. */
export const liveStatus = z.enum([
  'queued', // waits for a slot on a worker
  'preparing', // its workspace is being made
  'working', // a turn runs
  'asking', // waits for an answer, holding no slot
  'waiting', // waits for new credentials, a limit of its model that passes, or space on the disk; it holds no slot
  'verifying', // its commit is being collected and verified
  'stopping', // its processes are being ended
]);
export type LiveStatus = z.infer<typeof liveStatus>;

/** How a subagent ended. */
export const finalStatus = z.enum([
  'done', // finished, and everything that was to verify did
  'failed', // it, its set-up or its verification failed
  'killed', // cancelled, its processes ended
  'timed-out', // used up its working time
  'over-budget', // used up its tokens, turns or model requests
  'lost', // ended from outside (terminated) or its worker was given up
]);
export type FinalStatus = z.infer<typeof finalStatus>;

export const status = z.union([liveStatus, finalStatus]);
export type Status = z.infer<typeof status>;

/** All statuses, live ones first. */
export const STATUSES: readonly Status[] = [...liveStatus.options, ...finalStatus.options];

/** Whether `value` is an end. */
export function isFinal(value: Status): value is FinalStatus {
  return finalStatus.safeParse(value).success;
}
