/** What a worktree shows at its end that a reader must know: on real git, as subagents leave it. */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Caveat, Evidence, PrepareInput, Workspace } from '../../src/contract/index.ts';
import { temporaryHome } from '../support/home.ts';
import {
  NO_GIT_CONFIGURATION,
  temporaryRepository,
  type Repository,
  type RunGit,
} from '../support/repository.ts';
import { specOf, subagentRef, workspaceBench } from '../support/workspace.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

const BRANCH = 'subagents/fix';
const FILES = { 'a.txt': 'a\n', 'b.txt': 'b\n' };

interface Work {
  readonly repo: Repository;
  readonly cwd: string;
  readonly git: RunGit;
  readonly commit: (message: string, files?: Readonly<Record<string, string>>) => Promise<string>;
  readonly collect: () => Promise<{
    readonly evidence: Evidence;
    readonly caveats: readonly Caveat[];
    readonly notes: string;
    /** Kinds, in order. */
    readonly kinds: readonly string[];
  }>;
}

async function begin(
  given: { repo?: Repository; isolation?: 'worktree' | 'in-place'; base?: string } = {},
): Promise<Work> {
  const { isolation = 'worktree' } = given;
  const repo = given.repo ?? (await temporaryRepository(FILES));
  const home = await temporaryHome();
  onTestFinished(async () => {
    await repo[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });
  const commit = given.base ?? (await repo.git('rev-parse', 'HEAD'));
  const input: PrepareInput = {
    subagent: subagentRef(),
    spec: specOf(repo, { isolation, base: { commit, name: 'HEAD' } }),
  };
  const bench = workspaceBench(home);
  const workspace: Workspace = await bench.prepare(input);
  const { cwd } = workspace;
  return {
    repo,
    cwd,
    git: repo.in(cwd),
    commit: (message, files = {}) => repo.commit(message, files, cwd),
    collect: async () => {
      const { evidence, caveats, notes } = await bench.collect(input, workspace);
      return { evidence, caveats, notes: notes.join('\n'), kinds: caveats.map(({ kind }) => kind) };
    },
  };
}

/** A merge, or the like, that stops at a conflict. */
const stops = (doing: Promise<unknown>): Promise<void> =>
  expect(doing).rejects.toMatchObject({ exitCode: 1 });

async function withConflict(
  work: Work,
  files: Readonly<Record<string, string>> = { 'a.txt': 'theirs\n' },
): Promise<void> {
  await work.git('switch', '--quiet', '--create', 'theirs');
  await work.commit('Theirs', files);
  await work.git('switch', '--quiet', BRANCH);
  await work.commit('Ours', { 'a.txt': 'ours\n' });
}

describe('what was left in the middle', () => {
  it('is a merge with conflicts: the files are named by line, until they are resolved', async () => {
    const work = await begin();
    await withConflict(work);
    await stops(work.git('merge', 'theirs'));
    const { caveats } = await work.collect();
    expect(caveats.map(({ kind, grade, text }) => `${grade} ${kind}: ${text}`)).toEqual([
      'blocking unfinished: a merge was left unfinished, with conflicts in a.txt',
      'blocking unfinished: conflict markers are in a.txt:1',
    ]);
    // A later turn that does something else has not resolved them; one that resolves them has.
    await work.commit('Something else', { 'c.txt': 'c\n' });
    expect((await work.collect()).kinds).toEqual(['unfinished', 'unfinished']);
    await work.commit('Resolve', { 'a.txt': 'both\n' });
    expect((await work.collect()).kinds).toEqual([]);
  });

  it('is not a merge that only lacks its commit', async () => {
    const work = await begin();
    await withConflict(work, { 'c.txt': 'c\n' });
    await work.git('merge', '--no-commit', 'theirs');
    expect((await work.collect()).kinds).toEqual([]);
  });

  it('is a conflict without markers, as of a binary file', async () => {
    const work = await begin({ repo: await temporaryRepository({ ...FILES, 'x.bin': '\0base' }) });
    await withConflict(work, { 'x.bin': '\0theirs' });
    await work.commit('Ours too', { 'x.bin': '\0ours' });
    await stops(work.git('merge', 'theirs'));
    const { caveats } = await work.collect();
    expect(caveats.map(({ text }) => text)).toEqual(['a merge was left unfinished, with conflicts in x.bin']);
    expect((await work.collect()).kinds).toEqual(['unfinished']);
  });

  it('is a rebase, a cherry-pick, and a stash that conflicts', async () => {
    const work = await begin();
    await withConflict(work);
    await stops(work.git('rebase', 'theirs'));
    expect((await work.collect()).caveats[0]?.text).toMatch(/^a rebase was left unfinished/);

    const picking = await begin();
    await withConflict(picking);
    await stops(picking.git('cherry-pick', 'theirs'));
    expect((await picking.collect()).caveats[0]?.text).toMatch(/^a cherry-pick was left/);

    const popping = await begin();
    await popping.repo.write({ 'a.txt': 'stashed\n' }, popping.cwd);
    await popping.git('stash');
    await popping.commit('Ours', { 'a.txt': 'ours\n' });
    await stops(popping.git('stash', 'pop'));
    expect((await popping.collect()).kinds).toEqual(['unfinished', 'unfinished', 'stash']);
  });

  it('are conflict markers that it has committed itself, whatever attributes say, and not those that were there before', async () => {
    const marked = '<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> z\n';
    const work = await begin({
      repo: await temporaryRepository({ ...FILES, 'docs/merging.md': `A conflict:\n${marked}` }),
    });
    await work.commit('Wip', {
      '.gitattributes': '*.txt -diff\n',
      'ä b.txt': `1\n${marked}`,
      'half.txt': '>>>>>>> theirs\n',
      'title.rst': 'A title\n=======\n',
      'docs/merging.md': `A conflict looks like this:\n${marked}`,
    });
    const { caveats } = await work.collect();
    expect(caveats.map(({ text }) => text)).toEqual(['conflict markers are in half.txt:1, ä b.txt:2']);
  });

  it('is told of a checkout in place, too', async () => {
    const work = await begin({ isolation: 'in-place' });
    await work.git('switch', '--quiet', '--create', 'theirs');
    await work.commit('Theirs', { 'a.txt': 'theirs\n' });
    await work.git('switch', '--quiet', 'main');
    await work.commit('Ours', { 'a.txt': 'ours\n' });
    await stops(work.git('merge', 'theirs'));
    expect((await work.collect()).kinds).toEqual(['unfinished', 'unfinished']);
  });
});

describe('a branch that no longer contains its base', () => {
  it.each([
    ['was moved back', ['reset', '--hard', 'HEAD~1']],
    ['was moved back before it went on', ['reset', '--hard', 'HEAD~1'], 'New'],
    ['has a history of its own', ['checkout', '--quiet', '--orphan', 'subagents/other'], 'Orphan'],
  ] as const)('%s', async (_, how, then?: string) => {
    const repo = await temporaryRepository(FILES);
    const base = await repo.commit('Second', { 'c.txt': 'c\n' });
    const work = await begin({ repo, base });
    await work.git(...how);
    if (then !== undefined) await work.commit(then, { 'd.txt': 'd\n' });
    if (then === 'Orphan') await work.git('branch', '--force', BRANCH);
    const { caveats } = await work.collect();
    expect(caveats.filter(({ grade }) => grade === 'blocking')).toMatchObject([
      {
        kind: 'base-missing',
        text: expect.stringContaining(`no longer contains ${base.slice(0, 10)}`) as string,
      },
    ]);
  });

  it('does contain it after a rebase onto what came since', async () => {
    const work = await begin();
    await work.commit('Work', { 'c.txt': 'c\n' });
    await work.repo.commit('Meanwhile', { 'd.txt': 'd\n' });
    await work.git('rebase', '--quiet', 'main');
    expect(await work.collect()).toMatchObject({ kinds: [], evidence: { commitCount: 2 } });
  });
});

describe('a commit of another repository', () => {
  async function withSubmodule(): Promise<{ work: Work; lib: Repository }> {
    const [lib, repo] = [await temporaryRepository(), await temporaryRepository(FILES)];
    onTestFinished(() => lib[Symbol.asyncDispose]());
    await lib.git('config', 'receive.denyCurrentBranch', 'ignore');
    await repo.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', lib.path, 'lib');
    const base = await repo.commit('Lib');
    return { work: await begin({ repo, base }), lib };
  }

  it('is one that nobody can fetch until it is pushed', async () => {
    const { work, lib } = await withSubmodule();
    const at = join(work.cwd, 'lib');
    const made = await work.repo.commit('Deep', { 'deep.txt': 'x' }, at);
    await work.commit('Use it');
    const { caveats } = await work.collect();
    expect(caveats).toMatchObject([{ kind: 'unfetchable-commits', grade: 'blocking' }]);
    expect(caveats[0]?.text).toContain(`the submodule lib is at ${made.slice(0, 10)}`);
    expect(caveats[0]?.text).toContain(`git -C ${at} push`);
    await work.repo.in(at)('push', '--quiet', 'origin', 'HEAD:refs/heads/more');
    expect((await work.collect()).kinds).toEqual([]);
    expect(await lib.git('rev-parse', 'more')).toBe(made);
  });

  it('that exists nowhere is one, also where the submodule is not checked out', async () => {
    const { work } = await withSubmodule();
    await rm(join(work.cwd, 'lib'), { recursive: true });
    await mkdir(join(work.cwd, 'lib'));
    await work.git('update-index', '--cacheinfo', `160000,${'12'.repeat(20)},lib`);
    await work.git('commit', '--quiet', '--message', 'Bump');
    expect((await work.collect()).kinds).toContain('unfetchable-commits');
  });

  it('that is not named by the branch is told', async () => {
    const { work } = await withSubmodule();
    const at = join(work.cwd, 'lib');
    await work.repo.commit('Deep', { 'deep.txt': 'x' }, at);
    await work.repo.in(at)('branch', 'mine');
    await work.repo.in(at)('checkout', '--quiet', 'HEAD~1');
    const { caveats } = await work.collect();
    expect(caveats).toMatchObject([{ kind: 'lost-commits', grade: 'advisory' }]);
  });

  it('that was added without being a submodule is no work that anybody has', async () => {
    const work = await begin();
    await work.git('init', '--quiet', 'app');
    await work.repo.commit('In app', { 'src.js': 'x' }, join(work.cwd, 'app'));
    await work.commit('Add app');
    const { caveats } = await work.collect();
    expect(caveats).toMatchObject([{ kind: 'unsaved-work', grade: 'blocking' }]);
    expect(caveats[0]?.text).toMatch(/app\/ \(a repository that is not in \.gitmodules/);
  });
});

describe('commits that are on no branch', () => {
  /** Subjects of what is kept of them. */
  const kept = async ({ repo }: Work): Promise<string[]> =>
    (await repo.git('for-each-ref', '--format=%(contents:subject)', 'refs/subagents/kept')).split('\n');

  it.each([
    ['its worktree removed and its branch deleted', true, true],
    ['its worktree deleted as a folder, and its branch deleted', false, true],
    ['its worktree removed', true, false],
  ])('come back with the branch: %s', async (_, registered, branch) => {
    const work = await begin();
    const made = await work.commit('Work', { 'c.txt': 'c\n' });
    if (registered) await work.repo.git('worktree', 'remove', '--force', '--force', work.cwd);
    else {
      await rm(work.cwd, { recursive: true });
      await work.repo.git('worktree', 'prune');
      // A branch that is checked out somewhere, as git has it, is deleted all the same.
      await work.repo.git('update-ref', '-d', `refs/heads/${BRANCH}`);
    }
    if (registered && branch) await work.repo.git('branch', '-D', BRANCH);
    const { evidence, notes } = await work.collect();
    expect(evidence).toMatchObject({ head: made, commitCount: 1, filesChanged: ['c.txt'] });
    expect(existsSync(join(work.cwd, 'c.txt'))).toBe(true);
    if (branch)
      expect(notes).toContain(`${BRANCH} had been deleted; it was made again at ${made.slice(0, 10)}`);
  });

  it('come back where the branch alone is deleted, checked out or not', async () => {
    const work = await begin();
    const made = await work.commit('Work', { 'c.txt': 'c\n' });
    await work.git('update-ref', '-d', `refs/heads/${BRANCH}`);
    expect(await work.collect()).toMatchObject({ evidence: { head: made }, kinds: [] });

    const other = await begin();
    const there = await other.commit('Work', { 'c.txt': 'c\n' });
    await other.git('checkout', '--quiet', '--detach', 'main');
    await other.git('branch', '-D', BRANCH);
    expect(await other.collect()).toMatchObject({ evidence: { head: there }, kinds: [] });
  });

  it('are named and kept where several may be meant', async () => {
    const work = await begin();
    await work.commit('One way', { 'c.txt': 'c\n' });
    await work.git('reset', '--quiet', '--hard', 'HEAD~1');
    await work.commit('Another way', { 'c.txt': 'd\n' });
    await work.repo.git('worktree', 'remove', '--force', '--force', work.cwd);
    await work.repo.git('branch', '-D', BRANCH);
    const { notes, caveats } = await work.collect();
    expect(notes).toContain(`${BRANCH} had been deleted, and 2 commits could be its last one`);
    expect(caveats).toMatchObject([{ kind: 'lost-commits', grade: 'advisory' }]);
    expect(caveats[0]?.text).toContain('"One way"');
    expect(caveats[0]?.text).toContain('"Another way"');
    expect((await kept(work)).sort()).toEqual(['Another way', 'One way']);
    // They are told for as long as no branch has them.
    expect((await work.collect()).caveats[0]?.text).toMatch(/"(One|Another) way", .*"(One|Another) way"/);
  });

  it('are kept where a reset has left them and nothing is logged any more', async () => {
    const work = await begin();
    await work.commit('A try', { 'c.txt': 'c\n' });
    await work.git('reset', '--quiet', '--hard', 'HEAD~1');
    await work.git('reflog', 'expire', '--expire=now', '--all');
    expect((await work.collect()).kinds).toEqual(['lost-commits']);
    expect(await kept(work)).toEqual(['A try']);
  });

  it('are told where they went to a branch beside its own', async () => {
    const work = await begin();
    await work.commit('First', { 'c.txt': 'c\n' });
    await work.commit('Second', { 'd.txt': 'd\n' });
    await work.git('bisect', 'start', 'HEAD', 'HEAD~2');
    await work.repo.write({ 'e.txt': 'only here\n' }, work.cwd);
    const { caveats, evidence } = await work.collect();
    expect(evidence.filesChanged).toEqual(['c.txt', 'd.txt']);
    const aside = { kind: 'lost-commits', text: `work that is missing from ${BRANCH} is on ${BRANCH}-aside` };
    expect(caveats).toMatchObject([aside]);
    expect((await work.collect()).caveats).toMatchObject([aside]);
    await work.git('merge', '--quiet', `${BRANCH}-aside`);
    expect((await work.collect()).kinds).toEqual([]);
  });

  describe('are told where an interactive rebase', () => {
    const FOUR = ['One', 'Two', 'Three', 'Four'];
    /** Four commits, then `git rebase -i` with the list edited by this `sed` script. */
    const rebased = async (edit: string) => {
      const work = await begin();
      const commits = new Map<string, string>();
      for (const name of FOUR) commits.set(name, await work.commit(name, { [`${name}.txt`]: `${name}\n\n` }));
      const rebase = (script: string) =>
        work.git(
          ...['-c', `sequence.editor=sed -i '${script}'`, '-c', 'core.editor=true'],
          ...['rebase', '--quiet', '-i', 'HEAD~4'],
        );
      await rebase(edit);
      return { work, commits, rebase };
    };

    it.each([
      ['dropped one', '2s/^pick/drop/', ['Two']],
      ['dropped the last', '4d', ['Four']],
      ['dropped all but one', '2,4d', ['Two', 'Three', 'Four']],
      ['dropped one and put two together', '2d; 4s/^pick/fixup/', ['Two']],
    ])('%s', async (_what, edit, expected) => {
      const { work, commits } = await rebased(edit);
      const { caveats } = await work.collect();
      expect(caveats).toMatchObject([{ kind: 'lost-commits', grade: 'advisory' }]);
      // The last of each line of work brings the others with it.
      const last = expected.at(-1) ?? '';
      expect(caveats[0]?.text).toContain(`${commits.get(last)?.slice(0, 10)} "${last}"`);
      expect(await kept(work)).toContain(last);
      expect((await work.collect()).kinds).toEqual(['lost-commits']);
      for (const name of expected) await work.git('cherry-pick', commits.get(name) ?? '');
      expect((await work.collect()).kinds).toEqual([]);
    });

    it.each([
      ['changed their order', '1{h;d};2{G}'],
      ['put them together', '2,4s/^pick/fixup/'],
      ['wrote their messages anew', 's/^pick/reword/'],
    ])('but not where it %s', async (_what, edit) => {
      const { work } = await rebased(edit);
      expect((await work.collect()).kinds).toEqual([]);
    });

    it('dropped one of those that another rebase had made', async () => {
      const { work, rebase } = await rebased('1{h;d};2{G}');
      await rebase('3d');
      const { caveats } = await work.collect();
      expect(caveats).toMatchObject([{ kind: 'lost-commits', grade: 'advisory' }]);
      expect(caveats[0]?.text).toMatch(/^a commit that it made is on no branch: \w{10} "Three" /);
    });
  });

  it('are told where a checkout or a reset has left them, and not what an amendment, a rebase or a squash has replaced', async () => {
    const work = await begin();
    await work.commit('First', { 'c.txt': 'c\n' });
    await work.git('commit', '--quiet', '--amend', '--message', 'First, amended');
    await work.commit('Second', { 'd.txt': 'd\n' });
    await work.git('reset', '--quiet', '--soft', 'HEAD~2');
    await work.commit('Both as one');
    await work.repo.commit('Meanwhile', { 'e.txt': 'e\n' });
    await work.git('rebase', '--quiet', 'main');
    expect((await work.collect()).kinds).toEqual([]);

    const dropped = await work.commit('A try', { 'f.txt': 'f\n' });
    await work.git('reset', '--quiet', '--hard', 'HEAD~1');
    await work.git('checkout', '--quiet', '--detach');
    const aside = await work.commit('On no branch', { 'g.txt': 'g\n' });
    await work.git('switch', '--quiet', BRANCH);
    const { caveats } = await work.collect();
    expect(caveats).toMatchObject([{ kind: 'lost-commits', grade: 'advisory' }]);
    expect(caveats[0]?.text).toContain(dropped.slice(0, 10));
    expect(caveats[0]?.text).toContain(aside.slice(0, 10));
    expect((await kept(work)).sort()).toEqual(['A try', 'On no branch']);
    await work.git('branch', 'kept', aside);
    await work.git('branch', 'kept-too', dropped);
    expect((await work.collect()).kinds).toEqual([]);
  });
});

describe('a stash', () => {
  it('is told where it was made on no branch, and not where somebody else made it', async () => {
    const work = await begin();
    await work.commit('Work', { 'c.txt': 'c\n' });
    await work.repo.write({ 'a.txt': 'the user’s own\n' });
    await work.repo.git('stash');
    await work.git('checkout', '--quiet', '--detach');
    await work.repo.write({ 'a.txt': 'stashed\n' }, work.cwd);
    await work.git('stash');
    await work.git('switch', '--quiet', BRANCH);
    const { caveats } = await work.collect();
    expect(caveats).toMatchObject([{ kind: 'stash', grade: 'advisory' }]);
    expect(caveats[0]?.text).toContain('stash@{0} (');
  });
});

describe('a live worktree', () => {
  it('is left alone by other tools', async () => {
    const work = await begin();
    await expect(work.repo.git('worktree', 'remove', '--force', work.cwd)).rejects.toThrow(
      /locked working tree, lock reason: durable-subagents: a live subagent works here, fix@1-/,
    );
    await rm(work.cwd, { recursive: true });
    await work.repo.git('worktree', 'prune');
    expect(await work.repo.git('worktree', 'list')).toContain(work.cwd);
    // Made again it is locked again.
    await work.collect();
    await expect(work.repo.git('worktree', 'remove', '--force', work.cwd)).rejects.toThrow(/locked/);
  });
});
