/** Announcements with the subagents that they are about. */
import { byteLength, isFinal, type Announcement } from '../../contract/index.ts';
import type { Subagents } from '../../client/index.ts';
import { MAX_TOOL_ANSWER_BYTES, newsOf, newsWithin } from '../news.ts';
import type { ToolActionResult } from './action.ts';
import { forEachTarget, MAX_SHOWN } from './each.ts';
import { describeForTool } from './show.ts';

/** A result that contains announcements. */
export interface AnnouncementsResult extends ToolActionResult {
  readonly announced: readonly Announcement[];
}

/**
 * Announcements, followed in full by the subagents that have ended or ask, as far as there is room. `announced` has the
 * announcements that are in the text. If a subagent cannot be shown (it is no longer known, or nobody answers), its
 * announcement is included anyway, so that it does not block the others.
 */
export async function announcementsResult(
  subagents: Subagents,
  announcements: readonly Announcement[],
): Promise<AnnouncementsResult> {
  const news = newsWithin(announcements, MAX_TOOL_ANSWER_BYTES) ?? newsOf(announcements.slice(0, 1));
  const handles = news.announcements
    .filter(({ kind, status }) => isFinal(status) || kind === 'question' || kind === 'approval')
    .slice(0, MAX_SHOWN)
    .map(({ session, label, run }) => subagents.session(session).subagent(`${label}@${run}`));
  const all = await Promise.all(
    handles.map((handle) => forEachTarget([handle], describeForTool).catch(() => undefined)),
  );
  let left = MAX_TOOL_ANSWER_BYTES - byteLength(news.text);
  const fitting = all.filter((one) => {
    if (one === undefined || byteLength(one.text) >= left) return false;
    left -= byteLength(one.text) + 1;
    return true;
  });
  return {
    text: [news.text, ...fitting.flatMap((one) => one?.text ?? [])].join('\n'),
    structured: {
      subagents: fitting.flatMap((one) => one?.structured.subagents ?? []),
      words: news.view.words,
    },
    announced: news.announcements,
  };
}
