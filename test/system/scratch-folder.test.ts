import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { sweepScratch, withScratch } from '../../src/system/scratch-folder.ts';
import { startChild } from '../support/child.ts';
import { temporaryFolder } from '../support/home.ts';

it('removes the folders of killed processes, and leaves those of living ones and of others alone', async () => {
  await using temporary = await temporaryFolder();
  const env = { TMPDIR: temporary.path };
  vi.stubEnv('TMPDIR', temporary.path);
  await using live = startChild(import.meta.url, 'children/scratch.ts', [], env);
  await using killed = startChild(import.meta.url, 'children/scratch.ts', [], env);
  const [, stays = ''] = await live.line(/^has (.*)$/);
  const [, goes = ''] = await killed.line(/^has (.*)$/);
  await killed.kill();
  // One of a process of the same number that started at another time, and one of another container.
  const [prefix, space, pid, startTime] = basename(stays).split(',');
  const former = join(temporary.path, [prefix, space, pid, 'earlier', 'x'].join(','));
  const elsewhere = join(temporary.path, [prefix, 'elsewhere', pid, startTime, 'x'].join(','));
  const foreign = join(temporary.path, 'subagents-else');
  for (const each of [former, elsewhere, foreign]) await mkdir(each);

  await withScratch(async (own) => {
    expect(await sweepScratch()).toBe(2);
    expect([own, stays, goes, former, elsewhere, foreign].map((path) => existsSync(path))).toEqual([
      ...[true, true, false, false, true, true],
    ]);
  });
});
