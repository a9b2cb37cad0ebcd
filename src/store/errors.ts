/** The errors of a store, by what can be done about them. */
import { SubagentsError } from '../contract/errors.ts';

const CHECK_CREDENTIALS =
  'check the credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), and that they may read and write there; see docs/store.md';

/** The store refuses the caller. */
export const storeDenied = (place: string, why: string, cause?: unknown): SubagentsError =>
  new SubagentsError('STORE_DENIED', `the store ${place} refuses access: ${why}`, {
    remedy: place.startsWith('s3:')
      ? CHECK_CREDENTIALS
      : 'make it a folder that you, and all who share it, can read and write',
    cause,
  });

/** The store does not answer now, or only says that it is busy: a later attempt may succeed. */
export const storeUnreachable = (place: string, why: string, cause?: unknown): SubagentsError =>
  new SubagentsError('STORE_UNREACHABLE', `the store ${place} cannot be used now: ${why}`, {
    remedy: place.startsWith('s3:')
      ? 'try again; if it stays so, check the network, AWS_ENDPOINT_URL and AWS_REGION'
      : 'try again; if it stays so, check that its file system is mounted',
    cause,
  });

/** The store has no space left. */
export const storeFull = (place: string, cause?: unknown): SubagentsError =>
  new SubagentsError('DISK_FULL', `the store ${place} is full`, {
    remedy: 'free some space there: `subagents store clean` removes what is merged or was never used',
    cause,
  });

/** There is no store at the place. */
export const noStoreAt = (place: string, why: string): SubagentsError =>
  new SubagentsError('NO_STORE', `there is no store at ${place}: ${why}`, {
    remedy: `make one with \`SUBAGENTS_STORE=${place} subagents store init\`. If there was one, bring it back first (mount the folder, restore the bucket): what was in it is not in a new one`,
  });

/** An object is not as it was written. */
export const storeDamaged = (place: string, what: string, cause?: unknown): SubagentsError =>
  new SubagentsError('STORE_DAMAGED', `${what}, in the store ${place}`, {
    remedy:
      'restore the object from a backup of the store, or do without it; `subagents store list` shows what can be read',
    cause,
  });
