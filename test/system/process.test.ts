import { once } from 'node:events';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { isAlive, ownIdentity, processStartTime, signalProcess } from '../../src/system/process.ts';
import { temporaryFolder } from '../support/home.ts';

test('a process is known by its pid and start time, the same each time it is asked for', async () => {
  const child = execa('sleep', ['1100'], { reject: false });
  const pid = child.pid ?? 0;
  const startTime = processStartTime(pid) ?? '';
  expect(startTime).toMatch(/^\S+$/);
  expect(processStartTime(pid)).toBe(startTime);
  expect(startTime).not.toBe(ownIdentity().startTime);
  expect(isAlive(pid, startTime)).toBe(true);
  expect(isAlive(pid, ownIdentity().startTime)).toBe(false);

  expect(signalProcess({ pid, startTime: 'of-another' }, 'SIGKILL')).toBe(false);
  expect(isAlive(pid, startTime)).toBe(true);
  expect(signalProcess({ pid, startTime }, 'SIGKILL')).toBe(true);
  await child;
  expect(processStartTime(pid)).toBeUndefined();
  expect(signalProcess({ pid, startTime }, 'SIGKILL')).toBe(false);
});

test('a zombie is dead', async () => {
  // The shell becomes a program that never asks what became of its child.
  const child = execa('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 1100'], { reject: false, buffer: false });
  try {
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    await expect
      .poll(async () => (await execa('ps', ['-o', 'stat=', '-p', line], { reject: false })).stdout)
      .toMatch(/^Z/);
    expect(processStartTime(Number(line))).toBeUndefined();
  } finally {
    child.kill('SIGKILL');
    await child;
  }
});

test('a name with spaces and parentheses does not confuse it', async () => {
  await using folder = await temporaryFolder();
  const program = join(folder.path, 'a) R 1 (b');
  const { stdout: sleep } = await execa('which', ['sleep']);
  await symlink(sleep, program);
  const child = execa(program, ['1100'], { reject: false });
  try {
    const startTime = processStartTime(child.pid ?? 0);
    expect(startTime).toMatch(/^[0-9a-f]{8}-\d+$/);
    expect(Number(startTime?.split('-')[1])).toBeGreaterThanOrEqual(
      Number(ownIdentity().startTime.split('-')[1]),
    );
  } finally {
    child.kill('SIGKILL');
    await child;
  }
});
