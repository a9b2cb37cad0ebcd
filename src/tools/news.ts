/** Announcements for a main agent: what happened in our words, the summaries fenced. */
import { isFinal, type Announcement } from '../contract/index.ts';
import { fenced } from './fence.ts';
import type { NewsView } from './view.ts';

/** Told at once; what is beyond comes with the next answer. */
export const MAX_NEWS = 20;

/** The announcements as data. */
export function newsView(announcements: readonly Announcement[]): NewsView {
  return {
    announcements: announcements.map(({ id, kind, session, label, run, status, at }) => ({
      ...{ id, kind, session, label, run, status, at },
    })),
    words: fenced(
      'summaries',
      'the subagents named before each',
      announcements.map(({ label, run, summary }) => `${label}@${run}: ${summary}`).join('\n'),
    ),
  };
}

/** The announcements as text, with what to do about each. */
export function newsText(announcements: readonly Announcement[], view: NewsView): string {
  const lines = announcements.map((each) => `- ${newsLine(each)} (${each.at}). ${NEXT[each.kind]}`);
  return [...lines, view.words].join('\n');
}

/** What happened, in a few words of ours. */
export function newsLine({ kind, label, run, status }: Announcement): string {
  const name = `${label}@${run}`;
  return isFinal(status) ? `${name} has ended: ${status}` : `${name}: ${kind}`;
}

const NEXT: Readonly<Record<Announcement['kind'], string>> = {
  completed: 'Its evidence and report: action "show".',
  failed: 'Why, and what it did: action "show".',
  killed: 'Nothing is left to do.',
  question: 'See the question with action "show", then reply with action "answer".',
  'worker-away': 'It goes on when its worker is back; nothing is lost.',
  stuck: 'It has been silent. Look with action "logs"; then steer it, kill it or leave it.',
  notice: 'For your information.',
};
