/** A home whose file system becomes read-only under a running `up`, as after an error of the disk. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, it, onTestFinished } from 'vitest';
import { failureJson } from '../../src/cli/json.ts';
import { allGone, startUp } from '../cli/running-up.ts';
import { run } from '../cli/command.ts';
import { temporaryFolder } from '../support/home.ts';

/** Mounts an ext4 of its own at `disk`; false where this machine lets nobody do that. */
function mountExt4(image: string, disk: string): boolean {
  writeFileSync(image, '');
  truncateSync(image, 600_000_000);
  mkdirSync(disk);
  const made = spawnSync('mkfs.ext4', ['-q', image]).status === 0;
  return made && spawnSync('mount', ['-o', 'loop,errors=remount-ro', image, disk]).status === 0;
}

it('ends with everything, and says what is wrong with the disk', async ({ skip }) => {
  const folder = await temporaryFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const disk = join(folder.path, 'disk');
  if (!mountExt4(join(folder.path, 'image'), disk)) skip();
  onTestFinished(async () => void (await execa('umount', ['--lazy', disk])));
  const home = join(disk, 'home');
  await using up = startUp({ home });
  await up.event('worker-ready');
  const family = up.family();
  // As after an error of the disk: those that have files open to write them do not keep it from happening.
  await execa('mount', ['-o', 'remount,abort', disk]);
  const { exitCode, stderr } = await up.ended;
  expect(exitCode).toBe(1);
  const { error } = failureJson.parse(JSON.parse(stderr));
  expect(error).toMatchObject({ code: 'FILE_ACCESS' });
  expect(error.message).toContain(`the home ${home} is no longer writable, so \`up\` stops: `);
  expect(error.message).toContain('EROFS (its file system is read-only)');
  expect(error.remedy).toContain('dmesg');
  await allGone(family);

  // And each command that writes there says the same, and calls it nobody's mistake.
  for (const words of [['up'], ['up', '--detach'], ['spawn', 'x', 'Do it.'], ['list'], ['doctor']]) {
    const ran = await run(words, { home, cwd: folder.path });
    expect(ran.stdout + ran.stderr).not.toMatch(/bug of subagents|report what it prints|at .*\.js:\d/);
    if (words[0] === 'up' || words[0] === 'doctor')
      expect(ran.stdout + ran.stderr).toMatch(/read-only|not writable|cannot be created/);
  }
});
