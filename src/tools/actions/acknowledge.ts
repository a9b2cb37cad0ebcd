import { acknowledgedLine } from '../../prompts/index.ts';
import { ALL, handlesOf } from '../targets.ts';
import type { Action } from './action.ts';

/**
 * Acknowledges announcements at once instead of with the next call. Without a target: those that answers had. With a
 * target or `all`: also the unread ones of that subagent, or of the whole session.
 */
export const acknowledgeAction: Action = async (context, { target }) => {
  const subagents = await context.connect();
  const { inbox } = context;
  const waiting = target === undefined ? [] : await inbox.undelivered(subagents);
  const runs =
    target === undefined || target === ALL
      ? undefined
      : await Promise.all(
          (await handlesOf(context, subagents, 'acknowledge', target)).map((each) => each.identity()),
        );
  inbox.markDelivered(
    waiting.filter(
      (one) =>
        runs === undefined ||
        runs.some(({ label, session }) => label === one.label && session === one.session),
    ),
  );
  const done = await inbox.acknowledge(subagents);
  return { text: acknowledgedLine(done), structured: {} };
};
