import { z } from 'zod';

/** The status of a live subagent. Lists, the Web UI, JSON and announcements use the same words. */
export const liveStatus = z.enum([
  'queued', // waits for a slot on a worker
  'preparing', // its workspace is being made
  'working', // a turn runs
  'asking', // waits for an answer or an approval, without a slot
  'waiting', // waits without a slot for new credentials, the end of a limit of its model, or space on the disk
  'verifying', // its commit is being collected and verified
  'stopping', // its processes are being ended
]);
export type LiveStatus = z.infer<typeof liveStatus>;

/** How a subagent ended. */
export const finalStatus = z.enum([
  'done', // finished, and every verification command succeeded
  'failed', // the work, the set-up or the verification failed
  'killed', // cancelled, and its processes are ended
  'timed-out', // used up its working time
  'over-budget', // used up its tokens, turns or model requests
  'lost', // terminated from outside, or its worker was given up
]);
export type FinalStatus = z.infer<typeof finalStatus>;

/** The status of a subagent. */
export const status = z.union([liveStatus, finalStatus]);
export type Status = z.infer<typeof status>;

/** All statuses, live ones first. */
export const STATUSES: readonly Status[] = [...liveStatus.options, ...finalStatus.options];

/** Whether the subagent has ended. */
export function isFinal(value: Status): value is FinalStatus {
  return finalStatus.safeParse(value).success;
}
