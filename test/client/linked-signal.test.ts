import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { LinkedSignal } from '../../src/client/connection/linked-signal.ts';

it('many on one signal are one listener of it, each hears of its end, and none is left behind', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  const source = new AbortController();
  const links = Array.from({ length: 50 }, () => new LinkedSignal([source.signal, undefined]));
  expect(getEventListeners(source.signal, 'abort').length).toBe(1);
  for (const link of links.splice(0, 25)) link[Symbol.dispose]();
  source.abort('over');
  expect(links.every(({ signal }) => signal.aborted && signal.reason === 'over')).toBe(true);
  for (const link of links) link[Symbol.dispose]();
  expect(getEventListeners(source.signal, 'abort').length).toBe(0);
  expect(new LinkedSignal([source.signal]).signal.aborted).toBe(true);
  // Warnings come with the next turn of the loop.
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', note);
  expect(warnings).toEqual([]);
});
