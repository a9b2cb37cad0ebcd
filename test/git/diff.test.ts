import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { execa } from 'execa';
import { diffText, type DiffRequest } from '../../src/git/contents/diff.ts';
import { diffLines } from '../../src/cli/render/diff.ts';
import { Output } from '../../src/cli/output.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { Git } from '../../src/git/git.ts';

Object.assign(process.env, NO_GIT_CONFIGURATION);

let repo: Repository;
let second: string;
beforeAll(async () => {
  repo = await temporaryRepository({ 'a.txt': 'one\n', 'gone.txt': 'gone\n', '.gitignore': 'ignored\n' });
  await repo.git('rm', '--quiet', 'gone.txt');
  second = await repo.commit('Second', { 'a.txt': 'two\n', 'ü b.txt': 'new\n' });
});
afterAll(async () => await repo[Symbol.asyncDispose]());

const diff = (more: Partial<DiffRequest> = {}) =>
  diffText(Git.at(repo.path), { from: repo.first, stat: false, width: 80, maxBytes: 1_000_000, ...more });

describe('the text of a change', () => {
  it('between two commits can be applied', async () => {
    const { text, truncated } = await diff({ to: second });
    expect(truncated).toBe(false);
    await repo.git('worktree', 'add', '--quiet', '--detach', '../other', repo.first);
    const other = `${repo.path}/../other`;
    await execa('git', ['apply', '--index'], { cwd: other, input: text });
    expect(await repo.in(other)('write-tree')).toBe(await repo.git('rev-parse', `${second}^{tree}`));
  });

  it('is a line for each file', async () => {
    const { text } = await diff({ to: second, stat: true });
    expect(text).toContain('ü b.txt');
    expect(text).toContain('delete mode 100644 gone.txt');
    expect(text).toContain('3 files changed');
  });

  it('of a folder has what is changed, staged and new, and leaves its index alone', async () => {
    await repo.write({
      'a.txt': 'three\n',
      'sub/untracked.txt': 'untracked\n',
      ignored: 'no\n',
      'staged.txt': 's\n',
    });
    await repo.git('add', 'staged.txt');
    const before = await repo.git('status', '--porcelain');
    const { text } = await diff();
    for (const line of ['+three', '+untracked', '+s', 'deleted file mode']) expect(text).toContain(line);
    expect(text).not.toContain('ignored\n+');
    expect(await repo.git('status', '--porcelain')).toBe(before);
    await repo.git('reset', '--quiet', '--hard');
    await repo.git('clean', '-fdqx');
  });

  it('ends where it is told to', async () => {
    const { text, truncated } = await diff({ to: second, maxBytes: 50 });
    expect(text.length).toBeLessThanOrEqual(50);
    expect(truncated).toBe(true);
  });

  it('runs no program that the repository names, and heeds no preference', async () => {
    await repo.git('config', 'diff.external', 'false');
    await repo.git('config', 'diff.noprefix', 'true');
    await repo.git('config', 'color.ui', 'always');
    expect((await diff({ to: second })).text).toContain(
      '--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n',
    );
  });

  it('says why it cannot be had', async () => {
    await expect(diff({ to: 'f'.repeat(40) })).rejects.toMatchObject({ code: 'GIT' });
  });
});

describe('on a terminal', () => {
  const { colors } = new Output({ color: true, json: false, env: { FORCE_COLOR: '1' } });
  const hostile = '+a\u001B]52;c;ZXZpbA==\u0007\u001B[2J\u0008b\u009B31m\u202E\n';

  it('colours are ours, and control sequences of the content are shown, not sent', () => {
    const text = `diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n--- old\n${hostile} same\r\n`;
    const shown = diffLines(text, { stat: false, colors });
    // eslint-disable-next-line no-control-regex
    const withoutColours = shown.replace(/\u001B\[\d+m/g, '');
    // eslint-disable-next-line no-control-regex
    expect(withoutColours).not.toMatch(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202E]/);
    expect(withoutColours).toContain('+a␛]52;c;ZXZpbA==␇␛[2J␈b');
    expect(shown).toContain('\u001B[31m--- old');
    expect(shown).toContain('\u001B[1m--- a/x');
  });

  it('a stat has its bars in colour', () => {
    const shown = diffLines(' a.txt | 4 ++--\n', { stat: true, colors });
    expect(shown).toBe(' a.txt | 4 \u001B[32m++\u001B[39m\u001B[31m--\u001B[39m\n');
  });
});
