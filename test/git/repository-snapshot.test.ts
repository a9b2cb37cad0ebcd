import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  describeDifferences,
  describeNotCompared,
  readRepositorySnapshot,
} from '../../src/git/trust/repository-snapshot.ts';
import { recordRunEnded } from '../../src/home/run-record.ts';
import { temporaryHome } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { specOf, subagentRef, workspaceBench } from '../support/workspace.ts';
import { Git } from '../../src/git/git.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

/** What is told of `doing`. */
async function toldOf(repo: Repository, doing: () => Promise<unknown>): Promise<string[]> {
  const before = await readRepositorySnapshot(Git.at(repo.path));
  await doing();
  return describeDifferences(before, await readRepositorySnapshot(Git.at(repo.path)));
}

describe('what changes around a worktree', () => {
  it('is nothing where nothing does, and where subagents only move their own branches', async () => {
    await using repo = await temporaryRepository({ 'a.txt': 'a\n' });
    await repo.write({ 'a.txt': 'changed\n', 'new.txt': 'new\n' });
    expect(await toldOf(repo, () => repo.git('branch', 'subagents/other'))).toEqual([]);
  });

  it('is told: configuration, also by an included file, of whatever value', async () => {
    await using repo = await temporaryRepository();
    await repo.git('config', 'include.path', 'more');
    const told = await toldOf(repo, async () => {
      await repo.git('config', 'alias.co', 'checkout');
      await writeFile(join(repo.path, '.git/more'), '[core]\n\tsshCommand = evil\n');
    });
    expect(told).toEqual(['configuration of the repository: alias.co, core.sshcommand']);
  });

  it('is told: hooks and what else git reads there', async () => {
    await using repo = await temporaryRepository();
    await mkdir(join(repo.path, '.git/hooks'), { recursive: true });
    const told = await toldOf(repo, async () => {
      await writeFile(join(repo.path, '.git/hooks/pre-push'), '#!/bin/sh\n');
      await chmod(join(repo.path, '.git/hooks/pre-push'), 0o755);
      await mkdir(join(repo.path, '.git/info'), { recursive: true });
      await writeFile(join(repo.path, '.git/info/attributes'), '* filter=x\n');
    });
    expect(told).toEqual(['hooks of the repository: attributes, pre-push']);
  });

  it('is told: HEAD, branches, tags and files of the checkout', async () => {
    await using repo = await temporaryRepository({ 'a.txt': 'a\n', 'b.txt': 'b\n' });
    await repo.git('branch', 'doomed');
    await repo.write({ 'mine.txt': 'mine\n' });
    const told = await toldOf(repo, async () => {
      await repo.git('checkout', '--quiet', '-b', 'elsewhere');
      await repo.git('branch', '--delete', '--force', 'doomed');
      await repo.git('tag', 'v9');
      await repo.git('update-ref', `refs/replace/${repo.first}`, repo.first);
      await repo.write({ 'a.txt': 'changed\n', 'mine.txt': 'not mine any more\n' });
      await rm(join(repo.path, 'b.txt'));
    });
    expect(told).toEqual([
      'HEAD of the checkout: main → elsewhere',
      `branches and tags: doomed (deleted), elsewhere (new), refs/replace/${repo.first} (new), v9 (new)`,
      'files of the checkout: a.txt, b.txt, mine.txt',
    ]);
  });

  it('is told: branches of subagents that are over, and not of those at work', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const { prepare, collect } = workspaceBench(home);
    const worked = async (label: string) => {
      const input = { subagent: subagentRef(label), spec: specOf(repo, { label }) };
      const workspace = await prepare(input);
      return { input, workspace, branch: `refs/heads/subagents/${label}` };
    };
    const [good, gone, busy, own] = [
      await worked('good'),
      await worked('gone'),
      await worked('busy'),
      await worked('own'),
    ];
    for (const { input } of [good, gone]) recordRunEnded(home, input.subagent);
    const mallory = await worked('mallory');
    const commit = await repo.commit('Unasked', { 'bad.txt': 'x' }, own.workspace.cwd);
    for (const { branch } of [good, busy, mallory]) await repo.git('update-ref', branch, commit);
    await repo.git('worktree', 'remove', '--force', '--force', gone.workspace.cwd);
    await repo.git('branch', '--quiet', '-D', 'subagents/gone');
    // Over by now, but not when the other began: what moved its branch may have been itself.
    recordRunEnded(home, busy.input.subagent);
    const { evidence } = await collect(mallory.input, mallory.workspace);
    expect(evidence.touchedOutside).toEqual([
      'branches and tags: subagents/gone (deleted), subagents/good (moved)',
    ]);
  });

  it('is not compared beyond a bound, and that is said', async () => {
    await using repo = await temporaryRepository();
    const before = await readRepositorySnapshot(Git.at(repo.path));
    expect(describeNotCompared(before, before)).toEqual([]);
    await repo.write(Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [`${n}.txt`, ''])));
    const after = await readRepositorySnapshot(Git.at(repo.path));
    expect(describeDifferences(before, after)).toEqual([]);
    expect(describeNotCompared(before, after)).toEqual([
      'files of the checkout, outside its worktree, were not compared: more than 1,000 are changed or new there, or git status took longer than 10 s',
    ]);
    const inPlace = await readRepositorySnapshot(Git.at(repo.path), 'in-place');
    expect(describeNotCompared(inPlace, inPlace)).toEqual([]);
    await using home = await temporaryHome();
    const bench = workspaceBench(home);
    const input = { subagent: subagentRef(), spec: specOf(repo) };
    const { notes } = await bench.collect(input, await bench.prepare(input));
    expect(notes).toEqual([expect.stringContaining('were not compared')]);
  });

  it('of a subagent in the checkout itself is configuration and hooks alone', async () => {
    await using repo = await temporaryRepository();
    const before = await readRepositorySnapshot(Git.at(repo.path), 'in-place');
    await repo.commit('Done', { 'new.txt': 'x' });
    await repo.git('config', 'x.y', 'z');
    expect(describeDifferences(before, await readRepositorySnapshot(Git.at(repo.path), 'in-place'))).toEqual([
      'configuration of the repository: x.y',
    ]);
  });
});
