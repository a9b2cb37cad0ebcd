/** What a turn is told, and what is shown of it: small enough for one message, whatever was said. */
import { describe, expect, it } from 'vitest';
import {
  byteLength,
  MAX_PAYLOAD_BYTES,
  MAX_STEER_BYTES,
  MAX_EARLIER_MESSAGES_BYTES,
  MAX_WAITING_BYTES,
} from '../../src/contract/index.ts';
import { handoverPrompt } from '../../src/prompts/index.ts';
import { shownBeginning } from '../../workflows/subagent/shown-message.ts';

const sizeOf = (value: unknown): number => byteLength(JSON.stringify(value));

/** The largest message, of characters that take one, two, three and six bytes as JSON. */
const LARGEST = ['x', '"', '\u6f22', '\u0001'].map((character) =>
  character.repeat(Math.floor(MAX_STEER_BYTES / byteLength(character))),
);

describe('a conversation that begins anew', () => {
  it.each(LARGEST)('is told as much of what was said as fits, and how much it is not told (%#)', (large) => {
    const said = [...Array.from({ length: 19 }, () => ({ message: large })), { message: 'the newest' }];
    const prompt = handoverPrompt({ opening: { kind: 'steers' }, steers: [], shown: '' }, 'the task', said);
    expect(sizeOf(prompt)).toBeLessThan(MAX_EARLIER_MESSAGES_BYTES + 2_000);
    const told = prompt.split(large).length - 1;
    expect(told).toBeLessThan(19);
    expect(prompt).toContain(`* (${19 - told} earlier messages are left out here)`);
    expect(prompt).toContain('* the newest');
  });

  it('is told all of what is little', () => {
    const said = ['one', 'two'].map((message) => ({ message }));
    const prompt = handoverPrompt({ opening: { kind: 'steers' }, steers: [], shown: '' }, 'the task', said);
    expect(prompt).toContain('* one\n* two');
    expect(prompt).not.toContain('left out');
  });
});

describe('what is shown of a message', () => {
  it.each(LARGEST)('is its beginning, and how much more there is (%#)', (large) => {
    const shown = shownBeginning(large);
    expect(sizeOf(Array.from({ length: 20 }, () => shown))).toBeLessThan(50_000);
    const [, more] = /…? \((\d+) more characters\)$/.exec(shown) ?? [];
    const kept = shown.slice(0, shown.indexOf('…'));
    expect(large.startsWith(kept)).toBe(true);
    expect(Number(more)).toBe(large.length - kept.length);
  });

  it('is all of it where it is short', () => {
    expect(shownBeginning('Stop now')).toBe('Stop now');
  });
});

it('what waits fits beside the largest task', () => {
  expect(MAX_WAITING_BYTES + MAX_EARLIER_MESSAGES_BYTES).toBeLessThan(2_000_000 - MAX_PAYLOAD_BYTES);
});
