/** Receivers of a session's announcements: one that stays, and one that comes and goes. */
import { setTimeout as delay } from 'node:timers/promises';
import type { SessionHandle } from '../src/client/index.ts';
import type { Announcement } from '../src/contract/index.ts';

/** Counts deliveries of announcements by id, in order of their first delivery. */
export class Received {
  readonly counts = new Map<string, number>();
  readonly first = new Map<string, Announcement>();

  add(announcement: Announcement): void {
    this.counts.set(announcement.id, (this.counts.get(announcement.id) ?? 0) + 1);
    if (!this.first.has(announcement.id)) this.first.set(announcement.id, announcement);
  }

  /** Deliveries beyond the first ones. */
  get repeated(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count - 1, 0);
  }
}

/** Names of the receivers. */
const STAYS = 'main';
export const COMES_AND_GOES = 'comes-and-goes';

/** Receives in one iteration over the whole run, which drops ids that it has already seen. */
export async function receiveThroughout(
  session: SessionHandle,
  received: Received,
  onAnnouncement: (announcement: Announcement) => void,
  signal: AbortSignal,
): Promise<void> {
  for await (const announcement of session.announcements({ receiver: STAYS, signal })) {
    received.add(announcement);
    onAnnouncement(announcement);
  }
}

/** Receives in a new iteration every `everyMs`, like a main agent that is away in between. Every delivery counts. */
export async function receiveInPieces(
  session: SessionHandle,
  received: Received,
  everyMs: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const piece = AbortSignal.any([signal, AbortSignal.timeout(everyMs)]);
    try {
      for await (const announcement of session.announcements({ receiver: COMES_AND_GOES, signal: piece }))
        received.add(announcement);
    } catch {
      // The server is away.
    }
    await delay(everyMs / 4, undefined, { signal }).catch(() => undefined);
  }
}
