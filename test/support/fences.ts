/** What a main agent is given, taken apart at its fences. */
import { expect } from 'vitest';

const OPENING = /^<<<([0-9a-f]{16}) (.*)$/;

/** The lines of a text that stand in no fence. Fails where a fence has no end, or a line in it no prefix. */
export function outside(text: string): string[] {
  const free: string[] = [];
  let nonce: string | undefined;
  for (const line of text.split('\n')) {
    if (nonce === undefined) {
      nonce = OPENING.exec(line)?.[1];
      if (nonce === undefined) free.push(line);
    } else if (line.startsWith(`${nonce}>>> `)) nonce = undefined;
    else expect(line.startsWith('| '), line).toBe(true);
  }
  expect(nonce).toBeUndefined();
  return free;
}

/** The nonces of its fences, in order. */
export const nonces = (text: string): string[] =>
  text.split('\n').flatMap((line) => OPENING.exec(line)?.[1] ?? []);

/** All strings in a value. */
export function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : [];
}
