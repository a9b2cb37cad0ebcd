import { randomBytes } from 'node:crypto';
import { fence, type FenceOptions } from '../prompts/index.ts';

/** 64 random bits: nobody can guess them, and they are short to read. */
const NONCE_BYTES = 8;

/**
 * Fences text of a subagent with a new nonce.
 * @param what our word for the text, for example `report`.
 * @param source the author of the text, for example `subagent fix-login@1`.
 * @param window the part of the text to show; default: the first 4,000 characters.
 */
export function fenced(
  what: string,
  source: string,
  text: string,
  window: number | Pick<FenceOptions, 'max' | 'offset' | 'missing'> = {},
): string {
  let nonce: string;
  do nonce = randomBytes(NONCE_BYTES).toString('hex');
  while (text.includes(nonce));
  return fence(text, { what, source, nonce, ...(typeof window === 'number' ? { max: window } : window) });
}
