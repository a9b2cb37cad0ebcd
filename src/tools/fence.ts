import { randomBytes } from 'node:crypto';
import { fence } from '../contract/index.ts';

/** 64 random bits: not to be guessed, and short to read. */
const NONCE_BYTES = 8;

/**
 * Words of a subagent, fenced with a nonce of their own.
 * @param what a word of ours, for example `report`.
 * @param source whose words, for example `subagent fix-login@1`.
 * @param max characters, default 4,000.
 */
export function fenced(what: string, source: string, text: string, max?: number): string {
  let nonce: string;
  do nonce = randomBytes(NONCE_BYTES).toString('hex');
  while (text.includes(nonce));
  return fence(text, { what, source, nonce, max });
}
