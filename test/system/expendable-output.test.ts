import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { TYPESCRIPT } from '../support/child.ts';

test('a process whose output has no room goes on', () => {
  const child = fileURLToPath(new URL('children/say-much.ts', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [...TYPESCRIPT, child], {
    stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: 'went on' });
});
