/** Files that a subagent hands on: whole, and from nowhere but its workspace. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readArtifacts } from '../../activities/evidence/artifacts.ts';
import { chainSpec, MAX_ARTIFACT_BYTES } from '../../src/contract/index.ts';

const root = mkdtempSync(join(tmpdir(), 'artifacts-'));
const cwd = join(root, 'work');

beforeAll(() => {
  mkdirSync(join(cwd, 'docs'), { recursive: true });
  mkdirSync(join(cwd, '.git'));
  writeFileSync(join(root, 'secret'), 'secret');
  writeFileSync(join(cwd, '.git/config'), '[remote]');
  writeFileSync(join(cwd, 'docs/plan.md'), '\uFEFF# Plan\r\n\n\n\nÄ "b"\n');
  writeFileSync(join(cwd, 'empty'), '');
  writeFileSync(join(cwd, 'full'), 'x'.repeat(MAX_ARTIFACT_BYTES));
  writeFileSync(join(cwd, 'over'), 'x'.repeat(MAX_ARTIFACT_BYTES + 1));
  writeFileSync(join(cwd, 'lines'), '\n'.repeat(MAX_ARTIFACT_BYTES));
  writeFileSync(join(cwd, 'latin'), Buffer.from([0x41, 0xe4, 0x42]));
  writeFileSync(join(cwd, 'binary'), 'a\0b');
  symlinkSync('../secret', join(cwd, 'out'));
  symlinkSync('..', join(cwd, 'up'));
  symlinkSync('docs/plan.md', join(cwd, 'in'));
  symlinkSync('.git', join(cwd, 'git'));
  execFileSync('mkfifo', [join(cwd, 'pipe')]);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('artifacts', () => {
  it('are read as they are', async () => {
    await expect(readArtifacts(cwd, ['docs/plan.md', 'empty', 'in', 'full'])).resolves.toEqual({
      files: {
        'docs/plan.md': '\uFEFF# Plan\r\n\n\n\nÄ "b"\n',
        empty: '',
        in: '\uFEFF# Plan\r\n\n\n\nÄ "b"\n',
        full: 'x'.repeat(MAX_ARTIFACT_BYTES),
      },
    });
  });

  it.each([
    [['none.md'], 'none.md cannot be collected: it does not exist'],
    [['full/none.md'], 'it does not exist'],
    [['out'], 'outside the workspace'],
    [['up/secret'], 'outside the workspace'],
    [['git/config'], 'part of .git'],
    [['docs'], 'not a regular file'],
    [['pipe'], 'not a regular file'],
    [['over'], 'larger than 256 KiB'],
    [['latin'], 'not UTF-8 text'],
    [['binary'], 'it is not text'],
    [
      ['empty', 'lines', 'full'],
      'lines cannot be collected: with it the artifacts are larger than 512 KiB in total',
    ],
  ])('%j is refused', async (paths, message) => {
    await expect(readArtifacts(cwd, paths)).resolves.toMatchObject({
      problem: expect.stringContaining(message) as string,
    });
  });

  it.each(['/etc/passwd', '../x', 'a/../x', './x', 'a//b', 'a/', '', '.git/config', 'a{b}', 'a\nb', 'a\\b'])(
    'cannot be named %j',
    (path) => {
      const steps = [{ id: 'a', task: 't', artifacts: [path] }];
      expect(chainSpec.safeParse({ label: 'c', steps }).success).toBe(false);
    },
  );
});
