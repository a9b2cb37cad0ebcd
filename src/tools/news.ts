/** Announcements for a main agent: our own line about each event, and the fenced summaries. */
import { byteLength, caveatDescriptions, isFinal, type Announcement } from '../contract/index.ts';
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
  const lines = announcements.map((each) => `- ${newsLine(each)} (${each.at}). ${NEXT[each.kind]}`);
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

/** What happened, without text from the subagent. */
export function newsLine({ kind, label, run, status, caveats = [] }: Announcement): string {
  const name = `${label}@${run}`;
  const but = caveats.length === 0 ? '' : `, but: ${caveatDescriptions(caveats)}`;
  return isFinal(status) ? `${name} has ended: ${status}${but}` : `${name}: ${kind}`;
}

const NEXT: Readonly<Record<Announcement['kind'], string>> = {
  completed: 'Its evidence and report: action "show".',
  failed: 'Why, and what it did: action "show".',
  killed: 'Nothing is left to do.',
  question: 'See the question with action "show", then reply with action "answer".',
  'worker-away': 'It continues when its worker is back; nothing is lost.',
  stuck:
    'It is inactive or repeats itself. Look with action "logs"; then steer it, kill it or leave it alone.',
  notice: 'For your information.',
};
