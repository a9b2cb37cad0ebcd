/** A repository that names programs wherever git lets it: none of them runs for us, and nothing shared is written. */
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { carryChanges } from '../../src/git/worktrees/carry.ts';
import { diffText } from '../../src/git/contents/diff.ts';
import { mergeCommit } from '../../src/git/branches/merge.ts';
import { countUncommitted, resolveBase } from '../../src/git/repository.ts';
import { checkoutStatus } from '../../src/git/contents/status.ts';
import { Git } from '../../src/git/git.ts';
import { deleteBranch } from '../../src/git/branches/delete-branch.ts';
import { branchWithContent } from '../../src/git/branches/unmerged.ts';
import { discardWorktree } from '../../src/git/worktrees/worktree.ts';
import type { PrepareInput, Workspace } from '../../src/contract/index.ts';
import { resolveSpec } from '../../src/client/spawning/resolve-spec.ts';
import { parseSpec } from '../../src/client/spawning/spec.ts';
import { gitOfRun, type RunWorkspace } from '../../src/home/git-of-run.ts';
import type { Home } from '../../src/home/home.ts';
import { temporaryHome } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { specOf, subagentRef, workspaceBench } from '../support/workspace.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

const HOOKS = [
  ...['applypatch-msg', 'commit-msg', 'post-checkout', 'post-commit', 'post-index-change', 'post-merge'],
  ...['post-rewrite', 'pre-auto-gc', 'pre-commit', 'pre-merge-commit', 'prepare-commit-msg'],
  ...['reference-transaction'],
];

/** Where a program that ran leaves a file of its name. */
const ranIn = (repo: Repository): string => join(repo.path, '.git/ran');
const ran = (repo: Repository): Promise<string[]> => readdir(ranIn(repo));

async function forget(repo: Repository): Promise<void> {
  await rm(ranIn(repo), { recursive: true, force: true });
  await mkdir(ranIn(repo));
}

async function hostileRepository(): Promise<Repository> {
  const repo = await temporaryRepository({
    '.gitattributes': '* diff=evil\n',
    '.gitmodules': '[submodule "sub"]\n\tpath = sub\n\turl = ext::sh -c evil\n',
    'a.txt': 'a\n',
  });
  onTestFinished(() => repo[Symbol.asyncDispose]());
  // A submodule whose URL names a program.
  await repo.git('update-index', '--add', '--cacheinfo', `160000,${repo.first},sub`);
  await repo.git('commit', '--quiet', '-m', 'Add a submodule');
  await mkdir(join(repo.path, 'sub'));
  await mkdir(ranIn(repo), { recursive: true });
  const evil = join(repo.path, '.git/evil');
  await writeFile(evil, `#!/bin/sh\ntouch "${ranIn(repo)}/$1"\nexit 1\n`);
  await chmod(evil, 0o755);
  await mkdir(join(repo.path, '.git/hooks'), { recursive: true });
  for (const hook of HOOKS) {
    await writeFile(join(repo.path, '.git/hooks', hook), `#!/bin/sh\nexec '${evil}' ${hook}\n`);
    await chmod(join(repo.path, '.git/hooks', hook), 0o755);
  }
  const settings: Record<string, string> = {
    'alias.status': `!'${evil}' alias`,
    'core.askPass': `'${evil}' askpass`,
    'core.editor': `'${evil}' editor`,
    'core.fsmonitor': `'${evil}' fsmonitor`,
    'core.hooksPath': join(repo.path, '.git/hooks'),
    'core.pager': `'${evil}' pager`,
    'core.sshCommand': `'${evil}' ssh`,
    'credential.helper': `!'${evil}' credential`,
    'diff.evil.command': `'${evil}' diff-command`,
    'diff.evil.textconv': `'${evil}' textconv`,
    'diff.external': `'${evil}' diff-external`,
    'gc.auto': '1',
    'gpg.program': `'${evil}' gpg`,
    'interactive.diffFilter': `'${evil}' diff-filter`,
    'pager.diff': `'${evil}' pager-diff`,
    'protocol.allow': 'always',
    'protocol.ext.allow': 'always',
    'sequence.editor': `'${evil}' sequence-editor`,
    'submodule.sub.active': 'true',
    'submodule.sub.update': `!'${evil}' submodule`,
    'submodule.sub.url': `ext::'${evil}' ext`,
  };
  for (const [key, value] of Object.entries(settings)) await repo.git('config', key, value);
  await forget(repo); // What git did for the test itself.
  return repo;
}

describe('a hostile repository', () => {
  it('runs nothing while a worktree is made, collected, diffed, merged and removed', async () => {
    const repo = await hostileRepository();
    await using home = await temporaryHome();
    const config = readFileSync(join(repo.path, '.git/config'), 'utf8');
    const head = await resolveBase(Git.at(repo.path));
    const bench = workspaceBench(home);
    const input = { subagent: subagentRef(), spec: specOf(repo, { base: { commit: head, name: 'HEAD' } }) };
    const workspace = await bench.prepare(input);
    expect(workspace.notes).toContainEqual(expect.stringMatching(/^the submodule sub is empty/));
    await repo.write(
      { 'a.txt': 'changed\n', 'new.txt': 'new\n', '--force': 'not an option\n' },
      workspace.cwd,
    );
    await diffText(Git.at(workspace.cwd), { from: head, stat: false, width: 80, maxBytes: 1e6 });
    const { evidence } = await bench.collect(input, workspace);
    expect(evidence.filesChanged).toEqual(['--force', 'a.txt', 'new.txt']);
    await bench.verify(input, { cwd: workspace.cwd, head: evidence.head }, ['true']);
    const between = { from: head, to: evidence.head, width: 80, maxBytes: 1e6 };
    expect((await diffText(Git.at(repo.path), { ...between, stat: false })).text).toContain('-a\n+changed\n');
    await diffText(Git.at(repo.path), { ...between, stat: true });

    const request = {
      commit: evidence.head,
      name: 'subagents/fix',
      message: 'Merge it',
    };
    await mergeCommit(Git.at(repo.path), { ...request, squash: false, noFastForward: true });
    expect(await ran(repo)).toEqual([]);
    await repo.git('-c', 'core.hooksPath=/dev/null', 'reset', '--quiet', '--hard', head);
    await forget(repo); // That one was the test's own.
    await mergeCommit(Git.at(repo.path), { ...request, squash: true, noFastForward: false });
    expect(await branchWithContent(Git.at(repo.path), head, evidence.head)).toMatchObject({
      name: 'refs/heads/main',
    });
    await discardWorktree({ cwd: workspace.cwd, commonDir: join(repo.path, '.git') });
    const at = { branch: 'subagents/fix', tip: evidence.head, base: head };
    expect(await deleteBranch(Git.at(repo.path), at)).toBe('deleted');
    expect(await ran(repo)).toEqual([]);
    expect(readFileSync(join(repo.path, '.git/config'), 'utf8')).toBe(config);
  });

  it('runs nothing while its uncommitted changes are counted and carried', async () => {
    const repo = await hostileRepository();
    await repo.write({ 'a.txt': 'changed\n', 'new.txt': 'new\n' });
    expect(await countUncommitted(Git.at(repo.path))).toBeGreaterThan(1);
    expect(
      (await carryChanges(Git.at(repo.path), await resolveBase(Git.at(repo.path)))).carried,
    ).toBeDefined();
    expect(await ran(repo)).toEqual([]);
  });

  it('sees no secret of ours where a filter of its runs, since it is trusted', async () => {
    const repo = await temporaryRepository({ '.gitattributes': '* filter=known\n', 'a.txt': 'a\n' });
    onTestFinished(() => repo[Symbol.asyncDispose]());
    await using home = await temporaryHome();
    const seen = join(repo.path, '.git/seen');
    for (const way of ['clean', 'smudge'])
      await repo.git('config', `filter.known.${way}`, `{ echo ${way}; env; } >> '${seen}'; cat`);
    vi.stubEnv('GITHUB_TOKEN', 'canary-of-a-token');
    vi.stubEnv('TEMPORAL_API_KEY', 'canary-of-a-key');
    const bench = workspaceBench(home);
    const input = { subagent: subagentRef(), spec: specOf(repo, { trustRepo: true }) };
    const workspace = await bench.prepare(input);
    await repo.write({ 'a.txt': 'changed\n' }, workspace.cwd);
    await bench.collect(input, workspace);
    const told = readFileSync(seen, 'utf8');
    expect(told.split('\n')).toEqual(
      expect.arrayContaining(['clean', 'smudge', `HOME=${process.env['HOME']}`]),
    );
    expect(told).not.toContain('canary');
  });

  it('cannot have a name taken for an option', async () => {
    const repo = await hostileRepository();
    const stolen = join(repo.path, 'stolen');
    for (const name of [`--output=${stolen}`, '--exec=evil', '-c core.pager=evil'])
      await expect(resolveBase(Git.at(repo.path), name)).rejects.toMatchObject({ code: 'UNKNOWN_BASE' });
    expect(existsSync(stolen)).toBe(false);
  });
});

describe('a subagent that plants programs', () => {
  /** A worktree of `repo`, with all files under a filter; `evil` is a command that tells that it ran. */
  async function worktreeOf(repo: Repository, home: Home, label = 'fix') {
    const bench = workspaceBench(home);
    const input = { subagent: subagentRef(label), spec: specOf(repo, { label }) };
    const workspace = await bench.prepare(input);
    return { bench, input, workspace, git: repo.in(workspace.cwd) };
  }
  const evil = (repo: Repository, name: string): string => `touch '${ranIn(repo)}/${name}'; cat`;

  async function victim(): Promise<Repository> {
    const repo = await temporaryRepository({ '.gitattributes': '* filter=evil\n', 'a.txt': 'a\n' });
    onTestFinished(() => repo[Symbol.asyncDispose]());
    await mkdir(ranIn(repo));
    return repo;
  }

  it('runs none of them by linking its worktree to another repository in the meantime', async () => {
    const repo = await victim();
    await using elsewhere = await temporaryRepository();
    await using home = await temporaryHome();
    const { bench, input, workspace, git } = await worktreeOf(repo, home);
    await git('config', 'filter.evil.smudge', evil(repo, 'shared'));
    await git('config', 'extensions.worktreeConfig', 'true');
    await git('config', '--worktree', 'filter.evil.clean', evil(repo, 'own'));
    await repo.write({ 'a.txt': 'changed\n' }, workspace.cwd);
    await writeFile(join(workspace.cwd, '.git'), `gitdir: ${join(elsewhere.path, '.git')}\n`);
    const { evidence, notes } = await bench.collect(input, workspace);
    expect(notes.join()).toContain('lost its link to the repository');
    expect(evidence.filesChanged).toEqual(['a.txt']);
    await rm(join(workspace.cwd, 'a.txt'));
    await (await gitOfRun(placeOf(input, workspace))).run(['checkout', '--', 'a.txt']);
    expect(await ran(repo)).toEqual([]);
  });

  it('runs none of them by way of a submodule, one within it, or a repository that it committed as one', async () => {
    const add = ['-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add'];
    const [inner, lib] = [
      await temporaryRepository({ 'x.txt': 'x\n' }),
      await temporaryRepository({ 'x.txt': 'x\n' }),
    ];
    onTestFinished(async () => {
      for (const each of [inner, lib]) await each[Symbol.asyncDispose]();
    });
    await lib.git(...add, inner.path, 'inner');
    await lib.commit('Inner');
    const repo = await victim();
    await repo.git(...add, lib.path, 'libs/ä b');
    await repo.git(
      '-c',
      'protocol.file.allow=always',
      'submodule',
      'update',
      '--init',
      '--recursive',
      '--quiet',
    );
    const base = { commit: await repo.commit('Lib'), name: 'HEAD' };
    await using home = await temporaryHome();
    const bench = workspaceBench(home);
    const input = { subagent: subagentRef(), spec: specOf(repo, { base }) };
    const workspace = await bench.prepare(input);
    expect(workspace.notes).toEqual([]);
    const at = (path: string): string => join(workspace.cwd, path);
    await repo.in(workspace.cwd)('clone', '--quiet', lib.path, 'nested');
    await repo.commit('Nested', {}, workspace.cwd);

    const places = [at('libs/ä b/inner'), at('libs/ä b'), at('nested'), join(repo.path, 'libs/ä b')];
    /** Has git read the files again that have a filter. */
    const touch = async (): Promise<void> => {
      for (const place of places) await repo.write({ 'x.txt': 'y\n' }, place);
      for (const place of places) await repo.write({ 'x.txt': 'x\n' }, place);
    };
    for (const [index, place] of places.entries()) {
      await repo.in(place)('config', 'filter.evil.clean', evil(repo, `clean-${index}`));
      const gitDir = await repo.in(place)('rev-parse', '--absolute-git-dir');
      await repo.write({ 'info/attributes': '* filter=evil\n' }, gitDir);
    }
    await touch();
    await repo.in(workspace.cwd)('status');
    await repo.git('status');
    expect((await ran(repo)).sort()).toEqual(['clean-0', 'clean-1', 'clean-2', 'clean-3']);
    await forget(repo);

    await touch();
    const { evidence } = await bench.collect(input, workspace);
    await touch();
    await bench.verify(input, { cwd: workspace.cwd, head: evidence.head }, ['true']);
    await touch();
    await checkoutStatus(await gitOfRun(placeOf(input, workspace)));
    await checkoutStatus((await gitOfRun(placeOf(input, workspace))).in(repo.path));
    const other = { subagent: subagentRef('other'), spec: specOf(repo, { label: 'other', base }) };
    await touch();
    await bench.prepare(other);
    expect(await ran(repo)).toEqual([]);
  });

  it('runs none of them for another subagent either, nor for one that begins later', async () => {
    const repo = await victim();
    await using home = await temporaryHome();
    const before = await worktreeOf(repo, home, 'before');
    await repo.write({ 'a.txt': 'before\n' }, before.workspace.cwd);
    await before.bench.collect(before.input, before.workspace);
    const mallory = await worktreeOf(repo, home, 'mallory');
    await mallory.git('config', 'filter.evil.clean', evil(repo, 'clean'));
    await mallory.git('config', 'filter.evil.smudge', evil(repo, 'smudge'));

    // Its files go through that filter: they are not checked out without it.
    await expect(worktreeOf(repo, home, 'beside')).rejects.toMatchObject({
      details: [expect.objectContaining({ code: 'LOCAL_FILTER' })] as unknown,
    });
    for (const { bench, input, workspace } of [before, mallory]) {
      await repo.write({ 'a.txt': 'mine\n' }, workspace.cwd);
      const { evidence } = await bench.collect(input, workspace);
      await bench.verify(input, { cwd: workspace.cwd, head: evidence.head }, ['true']);
      await rm(join(workspace.cwd, 'a.txt'));
      await (await gitOfRun(placeOf(input, workspace))).run(['checkout', '--', 'a.txt']);
    }
    await repo.write({ 'a.txt': 'in the checkout\n' });
    const at = { cwd: repo.path, hostQueue: 'a' };
    await resolveSpec(parseSpec({ label: 'spawned', task: 'x' }), at);
    await expect(
      resolveSpec(parseSpec({ label: 'carrying', task: 'x', withChanges: true }), at),
    ).rejects.toMatchObject({ code: 'LOCAL_FILTER' });
    expect(await ran(repo)).toEqual([]);

    // What its user trusts runs.
    const spec = specOf(repo, { label: 'own', trustRepo: true });
    await workspaceBench(home).prepare({ subagent: subagentRef('own'), spec });
    expect((await ran(repo)).sort()).toEqual(['clean', 'smudge']);
  });
});

/** Where a run works. */
const placeOf = ({ subagent, spec }: PrepareInput, { cwd }: Workspace): RunWorkspace => ({
  cwd,
  isolation: spec.isolation,
  runId: subagent.runId,
});
