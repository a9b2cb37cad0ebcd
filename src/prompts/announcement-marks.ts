/** Marks in a conversation's history that show which announcements it contains. */
import type { Announcement } from '../contract/index.ts';

const PUSHED = /^\[announcements of subagents: ([^\]\n]+)\]/;
const DELIVERED = /\n\[announcements told: ([^\]\n]+)\]$/;

/** An announcement's key in a history: its id and the run of its workflow, because another session may reuse the id. */
export const historyKey = ({ id, runId }: Pick<Announcement, 'id' | 'runId'>): string =>
  `${id}#${runId.slice(0, 8)}`.replace(/[\s[\]"\\]/g, '_');

/** The first line of a pushed message. */
export const pushedLine = (keys: readonly string[]): string =>
  `[announcements of subagents: ${keys.join(' ')}]`;
/** The last line of a tool's answer that contains announcements. */
export const deliveredLine = (keys: readonly string[]): string => `[announcements told: ${keys.join(' ')}]`;

/** The keys in a pushed message. Only the first line counts, because subagents may have written the rest. */
export const keysPushed = (content: string): string[] => split(PUSHED.exec(content)?.[1]);
/** The keys in a tool's answer. Only the last line counts. */
export const keysDelivered = (content: string): string[] => split(DELIVERED.exec(content)?.[1]);

const split = (keys: string | undefined): string[] => keys?.split(' ') ?? [];
