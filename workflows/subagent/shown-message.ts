import { headJson, MAX_SHOWN_MESSAGE_BYTES } from '../../src/contract/index.ts';

/** The beginning of a message, and how many characters follow. */
export function shownBeginning(message: string): string {
  const shown = headJson(message, MAX_SHOWN_MESSAGE_BYTES);
  if (shown === message) return message;
  return `${shown} (${message.length - shown.length + 1} more characters)`;
}
