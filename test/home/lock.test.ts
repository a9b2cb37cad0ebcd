import { expect, test } from 'vitest';
import { lockHome } from '../../src/home/lock.ts';
import { startChild } from '../support/child.ts';
import { temporaryHome } from '../support/home.ts';

test('a home has one `up` and one worker; the error says who has it, since when, and what to do', async () => {
  await using home = await temporaryHome();
  await using other = startChild(import.meta.url, 'children/lock-home.ts', [home.root, 'up']);
  await other.line(/^mine$/);
  await expect(lockHome(home, 'up')).rejects.toMatchObject({
    code: 'HOME_BUSY',
    message: expect.stringMatching(
      new RegExp(`^\`subagents up\` already uses ${home.root}: process ${other.pid}, since \\d{4}-`),
    ) as string,
    remedy: expect.stringContaining('subagents down') as string,
  });
  const worker = await lockHome(home, 'worker');
  await expect(lockHome(home, 'worker')).rejects.toMatchObject({
    message: expect.stringContaining(`a worker already uses ${home.root}: process ${process.pid}`) as string,
  });
  worker.release();

  await other.kill();
  (await lockHome(home, 'up')).release();
});
