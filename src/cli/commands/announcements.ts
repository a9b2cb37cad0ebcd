import type { Announcement } from '../../client/index.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { nextOf } from '../next-of.ts';
import { announcementText } from '../render/announcement.ts';
import { plural } from '../render/numbers.ts';

/** Flags of `announcements`, as declared. */
export interface AnnouncementFlags {
  readonly follow?: boolean | undefined;
  readonly ack?: boolean | undefined;
  readonly receiver: string;
}

/** `subagents announcements` */
export async function announcementsCommand(context: Context, flags: AnnouncementFlags): Promise<number> {
  const { output } = context;
  const { receiver } = flags;
  await using subagents = await context.connect();
  const session = subagents.session(context.session);
  const print = async (announcement: Announcement) => {
    output.data(announcement);
    output.line(announcementText(announcement, context.targetName(announcement), output.colors));
    for (const line of await nextOf(subagents, announcement, context)) output.line(line);
  };

  if (flags.follow === true) {
    const signal = context.interrupt;
    const onReconnect = () => output.note('connection lost; trying again');
    for await (const next of session.announcements({
      receiver,
      acknowledge: 'manual',
      signal,
      onReconnect,
    })) {
      await print(next);
      if (flags.ack === true) await next.acknowledge();
    }
    return signal.aborted ? EXIT.interrupted : EXIT.ok;
  }

  const waiting = await session.peek({ receiver });
  for (const announcement of waiting) await print(announcement);
  if (waiting.length === 0) {
    output.note(`no unacknowledged announcements for "${receiver}" in session ${session.name}`);
  } else if (flags.ack === true) {
    await session.acknowledge(
      waiting.map(({ id }) => id),
      { receiver },
    );
    output.note(`${plural(waiting.length, 'announcement')} acknowledged`);
  }
  return EXIT.ok;
}
