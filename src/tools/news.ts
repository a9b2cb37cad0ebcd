/** Announcements for a main agent: our own line about each event, and the fenced summaries. */
import { byteLength, type Announcement } from '../contract/index.ts';
import { newsEntry } from '../prompts/index.ts';
import { fenced } from './fence.ts';
import type { NewsView } from './view.ts';

/** Maximum number of announcements in one answer. The next answer has the others. */
const MAX_NEWS = 20;
/** Maximum size of one answer in bytes: Copilot CLI withholds results over 51,200 bytes from its model. */
export const MAX_TOOL_ANSWER_BYTES = 40_000;

/** Announcements as text, with a next step for each, and as data. */
export interface News {
  readonly announcements: readonly Announcement[];
  readonly text: string;
  readonly view: NewsView;
}

/** The first announcements, as many as one answer may have and fit into `bytes`; `undefined` when none does. */
export function newsWithin(announcements: readonly Announcement[], bytes: number): News | undefined {
  for (let count = Math.min(announcements.length, MAX_NEWS); count > 0; count--) {
    const news = newsOf(announcements.slice(0, count));
    if (byteLength(news.text) <= bytes) return news;
  }
  return undefined;
}

/** All the announcements as news. */
export function newsOf(announcements: readonly Announcement[]): News {
  const view = newsView(announcements);
  const lines = announcements.map((each) => `- ${newsEntry(each)}`);
  return { announcements, text: [...lines, view.words].join('\n'), view };
}

function newsView(announcements: readonly Announcement[]): NewsView {
  return {
    announcements: announcements.map(({ id, kind, session, label, run, status, caveats, at }) => ({
      id,
      kind,
      session,
      label,
      run,
      status,
      at,
      ...(caveats && { caveats }),
    })),
    words: fenced(
      'summaries',
      'the subagents named before each',
      announcements.map(({ label, run, summary }) => `${label}@${run}: ${summary}`).join('\n'),
    ),
  };
}
