/** How a conversation's own history tells which announcements it has. */
import type { Announcement } from '../contract/index.ts';

const PUSHED = /^\[announcements of subagents: ([^\]\n]+)\]/;
const TOLD = /\n\[announcements told: ([^\]\n]+)\]$/;

/** An announcement's name in a history: its id, and of which workflow, for another session may have the same id again. */
export const keyOf = ({ id, runId }: Pick<Announcement, 'id' | 'runId'>): string =>
  `${id}#${runId.slice(0, 8)}`.replace(/[\s[\]"\\]/g, '_');

/** The first line of what is pushed. */
export const pushedLine = (keys: readonly string[]): string =>
  `[announcements of subagents: ${keys.join(' ')}]`;
/** The last line of a tool's answer that had announcements in it. */
export const toldLine = (keys: readonly string[]): string => `[announcements told: ${keys.join(' ')}]`;

/** Keys in a message that was pushed: of its first line alone, for what follows has words of subagents in it. */
export const keysPushed = (content: string): string[] => split(PUSHED.exec(content)?.[1]);
/** Keys in a tool's answer: of its last line alone. */
export const keysTold = (content: string): string[] => split(TOLD.exec(content)?.[1]);

const split = (keys: string | undefined): string[] => keys?.split(' ') ?? [];
