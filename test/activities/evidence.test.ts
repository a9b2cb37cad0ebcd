import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { leftoversSubject } from '../../activities/evidence/evidence.ts';
import type { Evidence, PrepareInput, Workspace } from '../../src/contract/index.ts';
import { sweep } from '../../src/home/sweep.ts';
import { startChild } from '../support/child.ts';
import { gitThatHangs } from '../support/git-shim.ts';
import { temporaryFolder, temporaryHome } from '../support/home.ts';
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
const SAVED = leftoversSubject('fix');

/** A prepared worktree of a repository, and what one does in it. Gone after the test. */
class Work {
  readonly repo: Repository;
  readonly workspace: Workspace;
  readonly git: RunGit;
  readonly #input: PrepareInput;
  readonly #bench: ReturnType<typeof workspaceBench>;

  private constructor(
    repo: Repository,
    input: PrepareInput,
    workspace: Workspace,
    bench: ReturnType<typeof workspaceBench>,
  ) {
    this.repo = repo;
    this.#input = input;
    this.workspace = workspace;
    this.git = repo.in(workspace.cwd);
    this.#bench = bench;
  }

  static async begin(
    files: Readonly<Record<string, string>> = { 'a.txt': 'a\n', 'b.txt': 'b\n' },
    isolation: 'worktree' | 'in-place' = 'worktree',
  ): Promise<Work> {
    return Work.in(await temporaryRepository(files), isolation);
  }

  static async in(
    repo: Repository,
    isolation: 'worktree' | 'in-place' = 'worktree',
    trustRepo = false,
  ): Promise<Work> {
    const home = await temporaryHome();
    onTestFinished(async () => {
      await repo[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
    });
    const input = { subagent: subagentRef(), spec: specOf(repo, { isolation, trustRepo }) };
    const bench = workspaceBench(home);
    return new Work(repo, input, await bench.prepare(input), bench);
  }

  get cwd(): string {
    return this.workspace.cwd;
  }

  write(files: Readonly<Record<string, string>>): Promise<void> {
    return this.repo.write(files, this.cwd);
  }

  commit(message: string, files: Readonly<Record<string, string>> = {}): Promise<string> {
    return this.repo.commit(message, files, this.cwd);
  }

  async collect(): Promise<Evidence & { notes: string; caveats: readonly string[] }> {
    const { evidence, notes, caveats } = await this.#bench.collect(this.#input, this.workspace);
    const lines = caveats.map(({ kind, text }) => `${kind}: ${text}`);
    return { ...evidence, notes: notes.join('\n'), caveats: lines };
  }

  /** Collects, and checks what holds however a worktree was left: its branch is checked out, at `head`, and nothing is left over. */
  async settle(): Promise<Evidence & { notes: string; caveats: readonly string[] }> {
    const evidence = await this.collect();
    expect(evidence.branch).toBe(BRANCH);
    expect(await this.git('status', '--porcelain', '--branch')).toBe(`## ${BRANCH}`);
    expect(await this.git('rev-parse', 'HEAD')).toBe(evidence.head);
    expect(await this.git('status')).toMatch(
      /^On branch subagents\/fix\nnothing to commit, working tree clean$/,
    );
    return evidence;
  }

  /** The content of a file in a commit or branch. */
  show(commit: string, path: string): Promise<string> {
    return this.git('show', `${commit}:${path}`);
  }
}

describe('the evidence of a worktree', () => {
  it('is what lies between base and head', async () => {
    const work = await Work.begin();
    await work.commit('One', { 'a.txt': 'a\nmore\nlines\n' });
    const head = await work.commit('Two', { 'sub/new.txt': 'x\n', 'b.txt': '' });
    const evidence = await work.settle();
    expect(evidence).toMatchObject({
      cwd: work.cwd,
      base: work.repo.first,
      head,
      commitCount: 2,
      diffStat: { files: 3, insertions: 3, deletions: 1 },
      filesChanged: ['a.txt', 'b.txt', 'sub/new.txt'],
      savedLeftovers: false,
      uncommitted: [],
      sensitive: [],
      notes: '',
    });
    expect(evidence.commits.map(({ subject }) => subject)).toEqual(['Two', 'One']);
    expect(evidence.commits[0]?.sha).toBe(head);
  });

  it('is empty when nothing was done', async () => {
    const work = await Work.begin();
    expect(await work.settle()).toMatchObject({
      head: work.repo.first,
      commits: [],
      commitCount: 0,
      diffStat: { files: 0, insertions: 0, deletions: 0 },
      notes: '',
    });
  });

  it('lists at most 50 commits and 100 files, and counts all', async () => {
    const work = await Work.begin();
    const many = Object.fromEntries(Array.from({ length: 120 }, (_, n) => [`many/${n}.test.ts`, 'x\n']));
    await work.commit('Many files', many);
    const tree = await work.git('rev-parse', 'HEAD^{tree}');
    let tip = await work.git('rev-parse', 'HEAD');
    for (let n = 0; n < 55; n++) tip = await work.git('commit-tree', tree, '-p', tip, '-m', `Number ${n}`);
    await work.git('update-ref', `refs/heads/${BRANCH}`, tip);
    const evidence = await work.settle();
    expect(evidence).toMatchObject({ commitCount: 56, diffStat: { files: 120, insertions: 120 } });
    expect(evidence.commits).toHaveLength(50);
    expect(evidence.filesChanged).toHaveLength(100);
    expect(evidence.sensitive).toHaveLength(100);
  });

  it('holds names as they are: unicode, spaces, quotes, tabs and newlines', async () => {
    const names = [
      'ä ö ü.txt',
      'a "quoted".txt',
      'tab\there.txt',
      'new\nline.txt',
      '日本.txt',
      '-dash',
      ':colon',
    ];
    const work = await Work.begin();
    await work.write(Object.fromEntries(names.map((name) => [name, 'x\n'])));
    expect([...(await work.settle()).filesChanged].sort()).toEqual([...names].sort());
    await work.git('mv', '--', 'new\nline.txt', 'newer\nline.txt');
    await work.commit('Rename');
    const { filesChanged } = await work.settle();
    expect(filesChanged).toContain('newer\nline.txt');
    expect(filesChanged).not.toContain('new\nline.txt');
  });

  it('points at changed tests, CI files and package scripts, and at nothing else of a package.json', async () => {
    const manifest = (test: string, version: string): string =>
      JSON.stringify({ version, scripts: { build: 'tsc', test } });
    const work = await Work.begin({
      'package.json': manifest('vitest', '1'),
      'other/package.json': manifest('vitest', '1'),
      'src/sum.test.ts': 'x',
      Makefile: 'x',
      'old.spec.js': 'some text that is long enough\n'.repeat(5),
    });
    await work.git('mv', 'old.spec.js', 'hidden.js');
    await work.commit('Change', {
      'package.json': manifest('true', '1'),
      'other/package.json': manifest('vitest', '2'),
      'src/sum.test.ts': 'y',
      'src/contest.ts': 'y',
      '.github/workflows/ci.yml': 'y',
      'tests/data.json': 'y',
      Makefile: 'y',
      'vitest.config.ts': 'y',
      'pkg/thing_test.go': 'y',
    });
    expect((await work.settle()).sensitive.toSorted()).toEqual([
      '.github/workflows/ci.yml (CI)',
      'Makefile (scripts)',
      'hidden.js (tests)',
      'package.json (scripts: test)',
      'pkg/thing_test.go (tests)',
      'src/sum.test.ts (tests)',
      'tests/data.json (tests)',
      'vitest.config.ts (test settings)',
    ]);
  });

  it('is not shaped by programs that the repository names', async () => {
    const work = await Work.begin();
    await work.git('config', 'diff.external', `touch '${work.repo.path}/ran'; false`);
    await work.git('config', 'core.fsmonitor', `touch '${work.repo.path}/ran'; false`);
    await work.git('config', 'diff.x.textconv', `touch '${work.repo.path}/ran'; cat`);
    await work.commit('Change', { '.gitattributes': '* diff=x\n', 'a.txt': 'changed\n' });
    await rm(join(work.repo.path, 'ran'), { force: true }); // The commit above was the test's own.
    await work.write({ 'a.txt': 'changed again\n' });
    expect((await work.collect()).filesChanged).toEqual(['.gitattributes', 'a.txt']);
    expect(existsSync(join(work.repo.path, 'ran'))).toBe(false);
  });
});

describe('what changed outside of the worktree meanwhile', () => {
  it('is told, and programs that were configured meanwhile run for none of our calls', async () => {
    const work = await Work.begin();
    const ran = join(work.repo.path, '.git/ran');
    await work.git('config', 'filter.x.clean', `touch '${ran}'; cat`);
    await work.git('config', 'filter.x.smudge', `touch '${ran}'; cat`);
    await work.git('config', 'filter.x.required', 'true');
    await work.repo.git('config', 'core.hooksPath', '.git/other');
    await work.repo.write({ 'a.txt': 'changed in the checkout\n' });
    await work.write({ '.gitattributes': '* filter=x\n', 'a.txt': 'changed\n', 'new.txt': 'new\n' });
    const { touchedOutside, filesChanged } = await work.collect();
    expect(touchedOutside).toEqual([
      'configuration of the repository: core.hookspath, filter.x.clean, filter.x.required, filter.x.smudge',
      'files of the checkout: a.txt',
    ]);
    expect(filesChanged).toEqual(['.gitattributes', 'a.txt', 'new.txt']);
    expect(existsSync(ran)).toBe(false);
  });

  it('is nothing where nothing changed; filters of a repository that is trusted run', async () => {
    const repo = await temporaryRepository({ 'a.txt': 'a\n', '.gitattributes': '*.up filter=up\n' });
    await repo.git('config', 'filter.up.clean', 'tr a-z A-Z');
    const work = await Work.in(repo, 'worktree', true);
    await work.write({ 'new.up': 'small\n' });
    const evidence = await work.collect();
    expect(evidence).not.toHaveProperty('touchedOutside');
    expect(await work.show(evidence.head, 'new.up')).toBe('SMALL');
  });

  it('of a subagent in the checkout is configuration and hooks', async () => {
    const work = await Work.begin({ 'a.txt': 'a\n' }, 'in-place');
    await work.write({ 'a.txt': 'changed\n', '.git/hooks/post-commit': '#!/bin/sh\n' });
    expect((await work.collect()).touchedOutside).toEqual(['hooks of the repository: post-commit']);
  });

  it('of a subagent in the checkout is branches as well, but the one that it works on', async () => {
    const work = await Work.begin({ 'a.txt': 'a\n' }, 'in-place');
    await work.git('branch', 'other');
    expect((await work.collect()).touchedOutside).toEqual(['branches and tags: other (new)']);
    await work.git('branch', '--delete', 'other');
    await work.commit('Its own', { 'a.txt': 'changed\n' });
    expect(await work.collect()).not.toHaveProperty('touchedOutside');
    await work.git('switch', '--quiet', '--create', 'feature');
    await work.commit('Its own, too', { 'a.txt': 'changed again\n' });
    expect(await work.collect()).not.toHaveProperty('touchedOutside');
    await work.git('update-ref', 'refs/heads/main', 'feature');
    expect(await work.collect()).not.toHaveProperty('touchedOutside');
  });
});

describe('what was left uncommitted', () => {
  it('is committed to the branch, untracked files too and ignored ones not', async () => {
    const work = await Work.begin({ 'a.txt': 'a\n', 'b.txt': 'b\n', '.gitignore': 'ignored\n' });
    const done = await work.commit('Done', { 'done.txt': 'x' });
    await work.write({ 'a.txt': 'changed\n', 'new/file.txt': 'new\n', ignored: 'x' });
    await rm(join(work.cwd, 'b.txt'));
    await work.git('add', 'a.txt');
    const evidence = await work.settle();
    expect(evidence).toMatchObject({ savedLeftovers: true, commitCount: 2 });
    expect(evidence.commits[0]?.subject).toBe(SAVED);
    expect(evidence.notes).toBe('the subagent left uncommitted changes; they were committed in its name');
    expect(await work.git('rev-parse', 'HEAD^')).toBe(done);
    expect(evidence.filesChanged).toEqual(['a.txt', 'b.txt', 'done.txt', 'new/file.txt']);
    expect(await readFile(join(work.cwd, 'ignored'), 'utf8')).toBe('x');
    // Later collections find nothing to do, and still say that something had been saved.
    expect(await work.settle()).toMatchObject({ head: evidence.head, savedLeftovers: true, notes: '' });
  });

  it('is committed without hooks, signatures or line ending complaints', async () => {
    const work = await Work.begin();
    for (const hook of ['pre-commit', 'commit-msg', 'post-commit', 'prepare-commit-msg']) {
      const path = join(work.repo.path, '.git/hooks', hook);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, `#!/bin/sh\ntouch '${work.repo.path}/hooked'\nexit 1\n`);
      await chmod(path, 0o755);
    }
    await work.git('config', 'commit.gpgSign', 'true');
    await work.git('config', 'gpg.program', 'false');
    await work.git('config', 'core.autocrlf', 'input');
    await work.git('config', 'core.safecrlf', 'true');
    await work.write({ 'new.txt': 'windows\r\n' });
    expect(await work.settle()).toMatchObject({ savedLeftovers: true, filesChanged: ['new.txt'] });
    expect(existsSync(join(work.repo.path, 'hooked'))).toBe(false);
  });

  it('is committed in spite of the lock of a git that was killed', async () => {
    const work = await Work.begin();
    await work.write({ 'new.txt': 'x' });
    const admin = await work.git('rev-parse', '--absolute-git-dir');
    await writeFile(join(admin, 'index.lock'), '');
    expect(await work.settle()).toMatchObject({ savedLeftovers: true, filesChanged: ['new.txt'] });
  });

  it('may be the removal of every file', async () => {
    const work = await Work.begin();
    await rm(join(work.cwd, 'a.txt'));
    await rm(join(work.cwd, 'b.txt'));
    expect(await work.settle()).toMatchObject({ savedLeftovers: true, filesChanged: ['a.txt', 'b.txt'] });
  });

  it('may hold repositories, which cannot be saved and are named', async () => {
    const work = await Work.begin();
    await work.write({ 'new.txt': 'x' });
    await work.git('init', '--quiet', 'empty-repo');
    await work.git('clone', '--quiet', work.repo.path, 'cloned');
    const evidence = await work.collect();
    expect(evidence.filesChanged).toEqual(['new.txt']);
    expect(evidence.unsaved?.map(({ path }) => path)).toEqual(['cloned/', 'empty-repo/']);
    expect(evidence.caveats.join()).toContain('cloned/ (a separate git repository');
    expect(existsSync(join(work.cwd, 'cloned/a.txt'))).toBe(true);
  });

  it('is named when it lies in the stash', async () => {
    const work = await Work.begin();
    await work.repo.write({ 'a.txt': 'the user’s own\n' });
    await work.repo.git('stash');
    await work.write({ 'a.txt': 'stashed\n' });
    await work.git('stash');
    expect((await work.settle()).caveats).toEqual([
      `stash: work was left in the stash of the repository: stash@{0} (git -C ${work.repo.path} stash list)`,
    ]);
  });

  it('says so when the disk is full, and loses nothing', async () => {
    const work = await Work.begin();
    await work.write({ 'new.txt': 'x' });
    const log = join(work.repo.path, '.git/logs/refs/heads', BRANCH);
    await rm(log);
    await symlink('/dev/full', log);
    await expect(work.collect()).rejects.toMatchObject({
      type: 'Workspace',
      details: [{ code: 'DISK_FULL' }],
    });
    await rm(log);
    expect(await work.settle()).toMatchObject({
      savedLeftovers: true,
      commitCount: 1,
      filesChanged: ['new.txt'],
    });
  });
});

describe('work that git cannot read any more', () => {
  const lost = async (work: Work): Promise<{ evidence: Evidence; remedy: string }> => {
    const error = await work.collect().then(
      () => new Error('it was collected'),
      (failure: unknown) => failure as { details?: [{ evidence: Evidence; remedy: string }] },
    );
    return (error as { details?: [{ evidence: Evidence; remedy: string }] }).details?.[0] ?? ({} as never);
  };

  it('for its configuration: the outcome still has its place, its branch and its commit, and a way on', async () => {
    const work = await Work.begin();
    const head = await work.commit('One', { 'one.txt': '1' });
    const config = join(work.repo.path, '.git/config');
    await writeFile(config, `${await readFile(config, 'utf8')}[broken\n`);
    const { evidence, remedy } = await lost(work);
    expect(evidence).toMatchObject({ cwd: work.cwd, branch: BRANCH, head });
    expect(remedy).toContain(`Its work is unchanged in ${work.cwd} and on ${BRANCH}`);
    expect(remedy).toContain('subagents continue fix');
  });

  it('for a worktree that has no commit to stand on: its commits are read from the repository', async () => {
    const work = await Work.begin();
    const head = await work.commit('One', { 'one.txt': '1' });
    await writeFile(join(await work.git('rev-parse', '--absolute-git-dir'), 'HEAD'), 'a'.repeat(40));
    const { evidence } = await lost(work);
    expect(evidence).toMatchObject({ branch: BRANCH, head, commitCount: 1, filesChanged: ['one.txt'] });
  });

  it('since its repository was moved: the way back is said', async () => {
    const work = await Work.begin();
    await rename(work.repo.path, `${work.repo.path}-moved`);
    const { evidence, remedy } = await lost(work);
    expect(evidence).toMatchObject({ cwd: work.cwd, branch: BRANCH });
    expect(remedy).toContain(`ln -s NEW ${work.repo.path}`);
    await symlink(`${work.repo.path}-moved`, work.repo.path);
    expect(await work.collect()).toMatchObject({ branch: BRANCH });
  });
});

describe('a subagent that left git in the middle of something', () => {
  /** `main` and the branch both change a.txt. */
  async function conflicting(): Promise<{ work: Work; own: string; theirs: string }> {
    const work = await Work.begin();
    const theirs = await work.repo.commit('Theirs', { 'a.txt': 'theirs\n' });
    return { work, theirs, own: await work.commit('Own', { 'a.txt': 'own\n' }) };
  }
  const failing = (call: Promise<string>): Promise<unknown> => expect(call).rejects.toThrow();

  it('a merge with conflicts: they are saved as they are, and named', async () => {
    const { work, own } = await conflicting();
    await failing(work.git('merge', 'main'));
    const { head, notes } = await work.settle();
    expect(await work.git('rev-list', '--parents', '-1', head)).toBe(`${head} ${own}`);
    expect(await work.show(head, 'a.txt')).toContain('<<<<<<<');
    expect(notes).toContain('conflicts were left unresolved in a.txt');
    expect(notes).toContain('a merge was left unfinished');
  });

  it('a merge that was resolved and not committed: it becomes that merge', async () => {
    const { work, own, theirs } = await conflicting();
    await failing(work.git('merge', 'main'));
    await work.write({ 'a.txt': 'both\n' });
    await work.git('add', 'a.txt');
    const { head } = await work.settle();
    expect(await work.git('rev-list', '--parents', '-1', head)).toBe(`${head} ${own} ${theirs}`);
    expect(await work.show(head, 'a.txt')).toBe('both');
  });

  it('a rebase with conflicts: its branch has all its work, and the state is kept aside', async () => {
    const { work } = await conflicting();
    const second = await work.commit('Second', { 'c.txt': 'c\n' });
    await failing(work.git('rebase', 'main'));
    const { head, notes } = await work.settle();
    expect(head).toBe(second);
    expect(notes).toContain('a rebase was left unfinished');
    expect(notes).toContain('kept on subagents/fix-aside');
    expect(await work.show('subagents/fix-aside', 'a.txt')).toContain('<<<<<<<');
  });

  it.each(['cherry-pick', 'revert'] as const)(
    'a %s with conflicts: they are saved as they are',
    async (operation) => {
      const { work, theirs } = await conflicting();
      await failing(work.git(operation, theirs));
      const { head, notes } = await work.settle();
      expect(await work.show(head, 'a.txt')).toContain('<<<<<<<');
      expect(notes).toContain(`a ${operation} was left unfinished`);
    },
  );
});

describe('a subagent that left its branch', () => {
  it('for a detached HEAD with work: the branch moves on to it', async () => {
    const work = await Work.begin();
    await work.commit('One', { 'one.txt': '1' });
    await work.git('checkout', '--quiet', '--detach');
    const head = await work.commit('Two', { 'two.txt': '2' });
    expect(await work.settle()).toMatchObject({ head, commitCount: 2 });
    expect(await work.git('branch', '--list', 'subagents/*')).toBe(`* ${BRANCH}`);
  });

  it('to look at an earlier commit: it is checked out again', async () => {
    const work = await Work.begin();
    const head = await work.commit('One', { 'one.txt': '1' });
    await work.git('checkout', '--quiet', 'HEAD~1');
    const evidence = await work.settle();
    expect(evidence).toMatchObject({ head, savedLeftovers: false });
    expect(evidence.notes).toContain('is ahead of it and was checked out again');
    expect(existsSync(join(work.cwd, 'one.txt'))).toBe(true);
  });

  it('to change an earlier commit’s files: the branch keeps its work, the changes are kept aside', async () => {
    const work = await Work.begin();
    const head = await work.commit('One', { 'one.txt': '1' });
    await work.git('checkout', '--quiet', 'HEAD~1');
    await work.write({ 'a.txt': 'debugging\n', 'debug.log': 'x' });
    expect(await work.settle()).toMatchObject({ head });
    expect(await work.show('subagents/fix-aside', 'debug.log')).toBe('x');
    expect(existsSync(join(work.cwd, 'debug.log'))).toBe(false);
  });

  it('for a branch of its own making: its branch moves on to that, uncommitted changes included', async () => {
    const work = await Work.begin();
    await work.git('checkout', '--quiet', '-b', 'my-fix');
    const own = await work.commit('One', { 'one.txt': '1' });
    await work.write({ 'two.txt': '2' });
    const { head, notes } = await work.settle();
    expect(await work.git('rev-parse', `${head}^`)).toBe(own);
    expect(await work.git('rev-parse', 'my-fix')).toBe(own);
    expect(notes).toContain(`the worktree had the branch my-fix checked out instead of ${BRANCH}`);
  });

  it('for another line of history, with work on both: what was checked out counts, the rest is kept aside', async () => {
    const work = await Work.begin();
    const before = await work.commit('First attempt', { 'one.txt': '1' });
    await work.git('checkout', '--quiet', '-b', 'again', work.repo.first);
    const head = await work.commit('Second attempt', { 'two.txt': '2' });
    expect(await work.settle()).toMatchObject({ head, commitCount: 1, filesChanged: ['two.txt'] });
    expect(await work.git('rev-parse', 'subagents/fix-aside')).toBe(before);
  });

  it('for another line of history, with no work on its own: that is its work', async () => {
    const work = await Work.begin();
    await work.repo.commit('Base moved on', { 'base.txt': 'x' });
    await work.git('checkout', '--quiet', '--orphan', 'fresh');
    const head = await work.commit('Fresh', { 'fresh.txt': 'x' });
    expect(await work.settle()).toMatchObject({ head, commitCount: 1 });
    expect(await work.git('branch', '--list', 'subagents/*')).toBe(`* ${BRANCH}`);
  });

  it('and deleted it: it is made again with the work', async () => {
    const work = await Work.begin();
    await work.git('checkout', '--quiet', '-b', 'renamed');
    const head = await work.commit('One', { 'one.txt': '1' });
    await work.git('branch', '--quiet', '-D', BRANCH);
    const evidence = await work.settle();
    expect(evidence).toMatchObject({ head });
    expect(evidence.notes).toContain(`${BRANCH} had been deleted; it was made again`);
  });
});

describe('a subagent that broke its worktree', () => {
  it('removed it: it is made again from the branch', async () => {
    const work = await Work.begin();
    const head = await work.commit('One', { 'one.txt': '1' });
    await rm(work.cwd, { recursive: true });
    const evidence = await work.settle();
    expect(evidence).toMatchObject({ head });
    expect(evidence.notes).toContain('the worktree had been removed');
  });

  it('had git remove it: the same', async () => {
    const work = await Work.begin();
    const head = await work.commit('One', { 'one.txt': '1' });
    await work.repo.git('worktree', 'remove', '--force', '--force', work.cwd);
    expect(await work.settle()).toMatchObject({ head });
  });

  it('removed its link to the repository: it is put back, and the changes are kept', async () => {
    const work = await Work.begin();
    await work.write({ 'one.txt': '1' });
    await rm(join(work.cwd, '.git'));
    const evidence = await work.settle();
    expect(evidence).toMatchObject({ savedLeftovers: true, filesChanged: ['one.txt'] });
    expect(evidence.notes).toContain('had lost its link');
  });

  it('removed the registration as well: it is registered again, and the changes are kept', async () => {
    const work = await Work.begin();
    await work.write({ 'one.txt': '1' });
    await rm(await work.git('rev-parse', '--absolute-git-dir'), { recursive: true });
    const evidence = await work.settle();
    expect(evidence).toMatchObject({ savedLeftovers: true, filesChanged: ['one.txt'] });
    expect(evidence.notes).toContain('registered again');
    expect(existsSync(`${work.cwd}.kept`)).toBe(false);
  });

  it('the same, and the worker was killed while it mended that', async () => {
    const work = await Work.begin();
    await work.write({ 'one.txt': '1' });
    await rm(await work.git('rev-parse', '--absolute-git-dir'), { recursive: true });
    await rename(work.cwd, `${work.cwd}.kept`);
    await mkdir(work.cwd);
    expect(await work.settle()).toMatchObject({ savedLeftovers: true, filesChanged: ['one.txt'] });
  });

  it('made a repository of its own there: that is moved aside, and the files are its work', async () => {
    const work = await Work.begin();
    await rm(join(work.cwd, '.git'));
    await work.git('init', '--quiet');
    await work.commit('In the wrong place', { 'one.txt': '1' });
    const evidence = await work.settle();
    expect(evidence).toMatchObject({ savedLeftovers: true, filesChanged: ['one.txt'] });
    expect(evidence.notes).toContain(`moved to ${work.cwd}.git-left`);
    expect(existsSync(`${work.cwd}.git-left/HEAD`)).toBe(true);
  });
});

describe('a worker killed while it collects', () => {
  it('at any moment: the next attempt has the same work, saved once', async () => {
    await using folder = await temporaryFolder();
    await using home = await temporaryHome();
    const { prepare, collect } = workspaceBench(home);
    const stops = [
      { of: 'own-commit', when: 'after', call: 'commit-tree' },
      { of: 'own-branch', when: 'after', call: 'subagents: collected refs/heads' },
      { of: 'other-branch', when: 'after', call: 'subagents: collected refs/heads' },
      { of: 'other-head', when: 'after', call: 'symbolic-ref' },
    ] as const;
    const cases = await Promise.all(
      stops.map(async ({ of: label }) => {
        const repo = await temporaryRepository({ 'a.txt': 'a\n' });
        onTestFinished(() => repo[Symbol.asyncDispose]());
        const input = { subagent: subagentRef(label), spec: specOf(repo, { label }) };
        const workspace = await prepare(input);
        const git = repo.in(workspace.cwd);
        if (label.startsWith('other')) await git('checkout', '--quiet', '-b', 'other');
        await repo.commit('Work', { 'work.txt': 'x' }, workspace.cwd);
        await repo.write({ 'a.txt': 'changed\n', 'new.txt': 'x' }, workspace.cwd);
        return { repo, git, input, workspace };
      }),
    );
    const shim = await gitThatHangs(folder.path, stops);
    const inputs = JSON.stringify(cases.map(({ input, workspace }) => ({ ...input, workspace })));
    const args = [home.root, 'collect', inputs];
    await using child = startChild(import.meta.url, 'children/workspaces.ts', args, shim.env);
    await shim.reached();
    await child.kill();

    await Promise.all(
      cases.map(async ({ git, input, workspace }) => {
        await sweep(input.subagent.copilotSessionId); // As a worker does when it starts again.
        const { label } = input.subagent;
        const { evidence } = await collect(input, workspace);
        expect(evidence, label).toMatchObject({ commitCount: 2, savedLeftovers: true });
        expect(evidence.filesChanged).toEqual(['a.txt', 'new.txt', 'work.txt']);
        expect(await git('status', '--porcelain', '--branch')).toBe(`## subagents/${label}`);
        expect(await git('branch', '--list', 'subagents/*')).toBe(`* subagents/${label}`);
      }),
    );
  });
});

describe('something that the subagent left running commits while its work is collected', () => {
  it('and that is collected too, with what was left uncommitted', async () => {
    await using folder = await temporaryFolder();
    await using home = await temporaryHome();
    await using repo = await temporaryRepository({ 'a.txt': 'a\n' });
    const { prepare, collect } = workspaceBench(home);
    const input = { subagent: subagentRef('moving'), spec: specOf(repo, { label: 'moving' }) };
    const workspace = await prepare(input);
    await repo.write({ 'new.txt': 'x' }, workspace.cwd);
    const goOn = join(folder.path, 'go-on');
    const shim = await gitThatHangs(folder.path, [
      { of: 'moving', when: 'before', call: 'subagents: collected refs/heads', until: goOn },
    ]);
    const args = [home.root, 'collect', JSON.stringify([{ ...input, workspace }])];
    await using child = startChild(import.meta.url, 'children/workspaces.ts', args, shim.env);
    await shim.reached();
    await repo.in(workspace.cwd)('commit', '--quiet', '--allow-empty', '--message', 'In the background');
    await writeFile(goOn, '');
    expect(await child.endedBy).toBeUndefined();
    const log = await repo.git('log', '--format=%s', 'subagents/moving');
    expect(log.split('\n').slice(0, 2)).toEqual([leftoversSubject('moving'), 'In the background']);
    const { evidence } = await collect(input, workspace);
    expect(evidence).toMatchObject({ commitCount: 2, savedLeftovers: true, filesChanged: ['new.txt'] });
  });
});

describe('the evidence of work in-place', () => {
  it('lists what is changed, and commits nothing', async () => {
    const repo = await temporaryRepository({ 'a.txt': 'a\n', 'b.txt': 'b\n' });
    const home = await temporaryHome();
    onTestFinished(async () => {
      await repo[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
    });
    await repo.write({ 'before.txt': 'the user’s' });
    const { prepare, collect } = workspaceBench(home);
    const input = { subagent: subagentRef(), spec: specOf(repo, { isolation: 'in-place' }) };
    const workspace = await prepare(input);
    await repo.write({ 'a.txt': 'a\nmore\n' });
    await repo.git('add', 'a.txt');
    await repo.git('commit', '--quiet', '--message', 'Its own commit');
    await repo.write({ 'b.txt': 'changed\n', 'x.test.ts': 'x' });
    const before = await repo.git('status', '--porcelain', '--branch');
    const { evidence, notes } = await collect(input, workspace);
    expect(evidence).toMatchObject({
      cwd: repo.path,
      branch: 'main',
      base: repo.first,
      head: await repo.git('rev-parse', 'HEAD'),
      commitCount: 1,
      diffStat: { files: 3, insertions: 3, deletions: 1 },
      filesChanged: ['a.txt', 'b.txt', 'x.test.ts'],
      uncommitted: ['b.txt', 'before.txt', 'x.test.ts'],
      savedLeftovers: false,
      sensitive: ['x.test.ts (tests)'],
    });
    expect(notes).toEqual([
      '1 of the uncommitted files have not changed since before the subagent began; they are not counted',
    ]);
    expect(await repo.git('status', '--porcelain', '--branch')).toBe(before);
    expect(await repo.git('branch', '--list', 'subagents/*')).toBe('');
  });

  it('counts what is new, and not what the user had changed before', async () => {
    await using repo = await temporaryRepository({
      'own.js': '1\n',
      'both.js': '1\n',
      'gone.js': '1\n',
      'committed.js': '1\n',
      'deleted.js': '1\n',
    });
    await using home = await temporaryHome();
    const five = '1\n2\n3\n4\n5\n6\n';
    await repo.write({ 'own.js': five, 'both.js': five, 'gone.js': five, 'committed.js': five });
    await repo.write({ 'a b\nc.txt': 'the user’s\n', 'lost.txt': 'lost\n' });
    await rm(join(repo.path, 'deleted.js'));
    const { prepare, collect } = workspaceBench(home);
    const input = { subagent: subagentRef(), spec: specOf(repo, { isolation: 'in-place' }) };
    const workspace = await prepare(input);
    expect(workspace.notes).toEqual(['the checkout had 7 uncommitted changes before the subagent began']);
    await repo.write({ 'new.txt': 'line\n'.repeat(100), '*.txt': 'x', 'both.js': `${five}7\n` });
    await repo.git('checkout', '--quiet', 'gone.js');
    await rm(join(repo.path, 'lost.txt'));
    await repo.git('add', 'committed.js', 'own.js');
    await repo.git('commit', '--quiet', '-m', 'Not its own', 'committed.js');
    const before = await repo.git('status', '--porcelain', '-z');
    const { evidence, notes } = await collect(input, workspace);
    expect(evidence).toMatchObject({
      diffStat: { files: 4, insertions: 112, deletions: 0 },
      filesChanged: ['*.txt', 'both.js', 'committed.js', 'new.txt'],
    });
    expect(evidence.uncommitted).toContain('own.js');
    expect(notes).toEqual([
      '3 of the uncommitted files have not changed since before the subagent began; they are not counted',
      'changes that were uncommitted before the subagent began are counted as its work, in both.js (+5 -0), committed.js (+5 -0)',
      'changes that were uncommitted before the subagent began are gone, in gone.js (+5 -0), lost.txt (+1 -0)',
    ]);
    expect(await repo.git('status', '--porcelain', '-z')).toBe(before);
  });
});

describe('what a repository puts in the place of its objects', () => {
  const prepared = async () => {
    const repo = await temporaryRepository({ 'a.test.ts': 'strict\n', 'b.txt': 'b\n' });
    const home = await temporaryHome();
    onTestFinished(async () => {
      await repo[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
    });
    const { prepare, collect } = workspaceBench(home);
    const input = { subagent: subagentRef(), spec: specOf(repo) };
    const workspace = await prepare(input);
    return {
      repo,
      git: repo.in(workspace.cwd),
      cwd: workspace.cwd,
      collect: () => collect(input, workspace),
    };
  };

  it('hides no change: a file by git replace', async () => {
    const { repo, git, cwd, collect } = await prepared();
    await repo.commit('Weaken', { 'a.test.ts': 'weak\n' }, cwd);
    const blob = await git('rev-parse', `${repo.first}:a.test.ts`);
    await git('replace', blob, await git('rev-parse', 'HEAD:a.test.ts'));
    expect(await git('diff', '--stat', repo.first, 'HEAD')).toBe('');
    const { evidence } = await collect();
    expect(evidence).toMatchObject({
      diffStat: { files: 1, insertions: 1, deletions: 1 },
      filesChanged: ['a.test.ts'],
      sensitive: ['a.test.ts (tests)'],
      touchedOutside: [`branches and tags: refs/replace/${blob} (new)`],
    });
  });

  it('hides no change: commits by grafts', async () => {
    const { repo, git, cwd, collect } = await prepared();
    await repo.commit('Bad', { 'bad.txt': 'x' }, cwd);
    const last = await repo.commit('Good', { 'good.txt': 'x' }, cwd);
    await repo.write({ '.git/info/grafts': `${last} ${repo.first}\n` });
    expect(await git('log', '--format=%s', `${repo.first}..HEAD`)).toBe('Good');
    const { evidence } = await collect();
    expect(evidence.commits.map(({ subject }) => subject)).toEqual(['Good', 'Bad']);
    expect(evidence.touchedOutside).toEqual(['hooks of the repository: grafts']);
  });
});
