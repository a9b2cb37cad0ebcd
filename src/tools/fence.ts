import { randomBytes } from 'node:crypto';
import { fence, type FenceOptions } from '../contract/index.ts';

/** 64 random bits: not to be guessed, and short to read. */
const NONCE_BYTES = 8;

/**
 * Words of a subagent, fenced with a nonce of their own.
 * @param what a word of ours, for example `report`.
 * @param source whose words, for example `subagent fix-login@1`.
 * @param window which part of it; default: its first 4,000 characters.
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
