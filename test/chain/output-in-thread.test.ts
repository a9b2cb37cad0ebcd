/** A report is held to its schema where nothing else waits, in a thread that ends at a limit. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import type * as Apart from '../../src/chain/output-in-thread.ts';
import { LimitReached, runInThread } from '../../src/system/worker-thread.ts';
import { temporaryFolder } from '../support/home.ts';

// As a worker has it: what runs in the thread is a compiled file.
const compiled = new URL('../../dist/src/chain/output-in-thread.js', import.meta.url).href;
const { readOutputInThread } = (await import(compiled)) as typeof Apart;

it.each([
  [{ type: 'array' }, '[1]', { value: [1] }],
  [{ type: 'array' }, '{}', { problem: expect.stringContaining('array') as string }],
])('reads what fits %j, and says what does not', async (schema, report, read) =>
  expect(await readOutputInThread(report, schema)).toEqual(read),
);

it('throws where the schema is not one of ours', async () => {
  await expect(readOutputInThread('1', { type: 'strng' })).rejects.toThrow('no type "strng"');
});

it('holds nothing up, and gives up at its limit', async () => {
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 5);
  // Each item is held to each pattern before it fits the last schema.
  const patterns = Array.from({ length: 100 }, (_, at) => ({ type: 'string', pattern: `(x?){20}y${at}$` }));
  const schema = { type: 'array', items: { anyOf: [...patterns, { type: 'string' }] } };
  const report = JSON.stringify(Array.from({ length: 60 }, () => 'x'.repeat(1_000)));
  expect(await readOutputInThread(report, schema)).toHaveProperty('value');
  clearInterval(ticking);
  expect(ticks).toBeGreaterThan(10);

  // Shorter than a thread takes to begin.
  const cut = await readOutputInThread(report, schema, { timeoutMs: 5, heapMb: 256 });
  expect(cut).toHaveProperty('problem', expect.stringContaining('it took longer than'));
});

it.each([
  ['for (;;);', { timeoutMs: 1_000, heapMb: 64 }, 'longer than 1 s'],
  ['/^(a+)+$/.test("a".repeat(50) + "!");', { timeoutMs: 1_000, heapMb: 64 }, 'longer than 1 s'],
  ['const all = []; for (;;) all.push({ at: [all.length] });', { timeoutMs: 120_000, heapMb: 32 }, 'memory'],
])('a thread of %s is ended', async (code, limits, words) => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'thread.mjs');
  await writeFile(file, code);
  const ended = runInThread(pathToFileURL(file), undefined, limits);
  await expect(ended).rejects.toBeInstanceOf(LimitReached);
  await expect(ended).rejects.toThrow(words);
});
