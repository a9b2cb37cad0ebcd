/** Announcements for a main agent, in our words alone. */
import { caveatDescriptions, isFinal, plural, type Announcement } from '../contract/index.ts';

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
  approval:
    'A tool call of it waits for an approval, which is for the human to give: show it to them with action "show"; then action "approve" asks them, or they use `subagents approve` at a terminal.',
  question: 'See the question with action "show", then reply with action "answer".',
  'worker-away': 'It continues when its worker is back; nothing is lost.',
  stuck:
    'It is inactive or repeats itself. Look with action "logs"; then steer it, kill it or leave it alone.',
  notice: 'For your information.',
};

/** What happened, when, and the next step. */
export const newsEntry = (announcement: Announcement): string =>
  `${newsLine(announcement)} (${announcement.at}). ${NEXT[announcement.kind]}`;

/** Announcements that a result has besides. */
export const newSinceLastCall = (news: string): string => `New since your last call:\n${news}`;

/** @param more announcements that had no room */
export const moreNews = (more: number): string =>
  `${plural(more, 'more announcement')} will come with the next call.`;
