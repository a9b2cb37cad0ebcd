import type { SubagentHandle, Subagents } from '../../client/index.ts';
import { SubagentsError } from '../../contract/errors.ts';
import { isFinal } from '../../contract/status/status.ts';
import type { Context } from '../context.ts';
import { EXIT, exitCodeOfOutcomes } from '../exit.ts';
import type { WaitJson, WaitNextJson } from '../json.ts';
import { nextOf } from '../next-of.ts';
import { announcementText } from '../render/announcement.ts';
import { endText } from '../render/outcome.ts';
import { findTargets } from '../selection.ts';
import { waitForEnds, toSubagentEnd } from '../waiting.ts';

/** Flags of `wait`, as declared. */
export interface WaitFlags {
  readonly all?: boolean | undefined;
  readonly next?: boolean | undefined;
  readonly timeout?: number | undefined;
  readonly receiver: string;
}

/** `subagents wait` */
export async function waitCommand(
  context: Context,
  targets: readonly string[],
  flags: WaitFlags,
): Promise<number> {
  if (targets.length > 0 && (flags.all === true || flags.next === true)) {
    throw new SubagentsError(
      'BAD_INPUT',
      `wait takes targets, or ${flags.all === true ? '--all' : '--next'}`,
      {
        remedy: 'give one of the two',
      },
    );
  }
  await using subagents = await context.connect();
  if (flags.next === true) return await waitNext(context, subagents, flags);
  const { output } = context;
  const handles = await named(context, subagents, targets, flags.all === true);
  if (handles.length === 0) output.line('No live subagent to wait for.');
  const { ended, pending, cut } = await waitForEnds(context, subagents, handles, {
    timeoutMs: flags.timeout,
    onEnd: (end) => output.line(endText(end, context.targetName(end), output.colors)),
  });
  output.data({ ended: [...ended], pending: [...pending], timedOut: cut === 'timeout' } satisfies WaitJson);
  if (cut !== undefined) {
    const names = pending.map((each) => context.targetName(each)).join(', ');
    output.note(cut === 'timeout' ? `still live after the timeout: ${names}` : `still live: ${names}`);
    return cut === 'timeout' ? EXIT.timeout : EXIT.interrupted;
  }
  return exitCodeOfOutcomes(ended.map(toSubagentEnd));
}

async function named(
  context: Context,
  subagents: Subagents,
  targets: readonly string[],
  all: boolean,
): Promise<SubagentHandle[]> {
  const { session } = context;
  if (targets.length > 0) return findTargets(context, subagents, targets);
  const listings = all
    ? (await subagents.list({ finished: 0, progress: false })).sessions
    : [await subagents.session(session).list({ finished: 0, progress: false })];
  return listings.flatMap((listing) =>
    listing.live.map(({ label, run }) => subagents.session(listing.session).subagent(`${label}@${run}`)),
  );
}

/** Prints the session's next announcement, then acknowledges it. */
async function waitNext(context: Context, subagents: Subagents, flags: WaitFlags): Promise<number> {
  const { output } = context;
  const session = subagents.session(context.session);
  const { receiver } = flags;
  // In this order: a subagent that ends in between is announced by then.
  const { live } = await session.list({ finished: 0, progress: false });
  const waiting = await session.peek({ receiver });
  if (waiting.length === 0 && live.length === 0) {
    throw new SubagentsError(
      'ALREADY_ENDED',
      `session ${session.name} has no live subagent and no unacknowledged announcement`,
      {
        remedy: 'spawn one first, or name another session with --session',
      },
    );
  }
  const timer = flags.timeout === undefined ? [] : [AbortSignal.timeout(flags.timeout)];
  const signal = AbortSignal.any([...timer, context.interrupt]);
  for await (const next of session.announcements({ receiver, acknowledge: 'manual', signal })) {
    output.data({ announcement: next } satisfies WaitNextJson);
    output.line(announcementText(next, context.targetName(next), output.colors));
    for (const line of await nextOf(subagents, next, context)) output.line(line);
    await next.acknowledge();
    return isFinal(next.status)
      ? exitCodeOfOutcomes([{ status: next.status, caveats: next.caveats }])
      : EXIT.ok;
  }
  output.data({ announcement: null } satisfies WaitNextJson);
  if (context.interrupt.aborted) return EXIT.interrupted;
  output.note('no announcement before the timeout');
  return EXIT.timeout;
}
