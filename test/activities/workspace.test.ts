import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { releaseWorkspace } from '../../activities/workspace/in-place.ts';
import type { SubagentRef, Workspace } from '../../src/contract/index.ts';
import { FALLBACK_IDENTITY, identityEnvironment } from '../../src/git/trust/identity.ts';
import { findProcesses } from '../../src/home/processes.ts';
import { startChild } from '../support/child.ts';
import { appeared, gitThatHangs } from '../support/git-shim.ts';
import { temporaryFolder, temporaryHome } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { activityContext, specOf, subagentRef, workspaceBench } from '../support/workspace.ts';
import { Git } from '../../src/git/git.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

/** The worktree is whole, on its branch, and the repository has nothing else of ours. */
async function expectWhole(repo: Repository, { cwd, branch }: Workspace): Promise<void> {
  expect(await repo.in(cwd)('status', '--porcelain', '--branch')).toBe(`## ${branch}`);
  const worktrees = (await repo.git('worktree', 'list', '--porcelain')).split('\n');
  expect(worktrees.filter((line) => line.startsWith('worktree '))).toEqual([
    `worktree ${repo.path}`,
    `worktree ${cwd}`,
  ]);
  expect(worktrees.filter((line) => /^(locked|prunable)/.test(line))).toEqual([
    `locked durable-subagents: a live subagent works here, ${basename(cwd)}`,
  ]);
  expect(await readdir(join(repo.path, '.git/worktrees'))).toHaveLength(1);
  expect(await repo.git('branch', '--list', 'subagents/*', '--format=%(refname:short)')).toBe(branch);
}

async function expectNothingLeft(repo: Repository, worktrees: string): Promise<void> {
  expect(await repo.git('branch', '--list', 'subagents/*')).toBe('');
  expect(await repo.git('worktree', 'list')).not.toContain('\n');
  const left = (await readdir(worktrees, { recursive: true })).filter((path) => path !== 'main');
  expect(left).toEqual([]);
}

describe('a worktree', () => {
  it('is made from the base commit, on a branch of its own, in a folder whose name can be read', async () => {
    await using repo = await temporaryRepository({ 'a.txt': 'old' });
    await using home = await temporaryHome();
    await repo.commit('Newer', { 'a.txt': 'new' });
    const subagent = subagentRef();
    const made = await workspaceBench(home).prepare({ subagent, spec: specOf(repo) });
    expect(made).toMatchObject({ kind: 'workspace', branch: 'subagents/fix', base: repo.first, notes: [] });
    expect(made.cwd).toContain('/worktrees/main/fix@1-');
    expect(await readFile(join(made.cwd, 'a.txt'), 'utf8')).toBe('old');
    await expectWhole(repo, made);
  });

  it('takes the next free number when the branch is taken, also by one below it', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    await repo.git('branch', 'subagents/fix');
    await repo.git('branch', 'subagents/fix-2/below');
    await repo.git('branch', 'subagents/fix-3');
    await repo.git('pack-refs', '--all');
    const made = await workspaceBench(home).prepare({ subagent: subagentRef(), spec: specOf(repo) });
    expect(made.branch).toBe('subagents/fix-4');
  });

  it('gives each of many at once its own branch', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const { prepare } = workspaceBench(home);
    const made = await Promise.all(
      Array.from({ length: 8 }, () => prepare({ subagent: subagentRef(), spec: specOf(repo) })),
    );
    const names = ['fix', ...[2, 3, 4, 5, 6, 7, 8].map((n) => `fix-${n}`)];
    expect(made.map(({ branch }) => branch).sort()).toEqual(names.map((name) => `subagents/${name}`));
    expect(new Set(made.map(({ cwd }) => cwd)).size).toBe(8);
  });

  it('runs no hook and does not write the shared configuration', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    for (const hook of ['post-checkout', 'reference-transaction', 'post-index-change']) {
      const path = join(repo.path, '.git/hooks', hook);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, `#!/bin/sh\necho ${hook} >> '${repo.path}/hooked'\n`, { mode: 0o755 });
    }
    await repo.git('config', 'branch.autoSetupMerge', 'always');
    await repo.git('config', 'branch.autoSetupRebase', 'always');
    const before = await readFile(join(repo.path, '.git/config'), 'utf8');
    await workspaceBench(home).prepare({ subagent: subagentRef(), spec: specOf(repo) });
    expect(existsSync(join(repo.path, 'hooked'))).toBe(false);
    expect(await readFile(join(repo.path, '.git/config'), 'utf8')).toBe(before);
  });

  it('is found again by a second call, with the work in it', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const { prepare } = workspaceBench(home);
    const input = { subagent: subagentRef(), spec: specOf(repo) };
    const first = await prepare(input);
    await repo.commit('Work', { 'work.txt': 'done' }, first.cwd);
    await repo.write({ 'more.txt': 'not committed' }, first.cwd);
    await repo.in(first.cwd)('checkout', '--quiet', '-b', 'elsewhere');
    expect(await prepare(input)).toEqual(first);
    expect(await readFile(join(first.cwd, 'more.txt'), 'utf8')).toBe('not committed');
    expect(await repo.in(first.cwd)('branch', '--show-current')).toBe('elsewhere');
  });

  it('is made again from its branch when somebody has removed it', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const { prepare } = workspaceBench(home);
    const input = { subagent: subagentRef(), spec: specOf(repo) };
    const first = await prepare(input);
    await repo.commit('Work', { 'work.txt': 'done' }, first.cwd);
    await rm(first.cwd, { recursive: true });
    const second = await prepare(input);
    expect(second).toMatchObject({ cwd: first.cwd, branch: first.branch });
    expect(second.notes.join()).toContain('had been removed');
    expect(await readFile(join(first.cwd, 'work.txt'), 'utf8')).toBe('done');
    await expectWhole(repo, second);
  });

  it('works where the session has a name that no PATH could hold, and the repository one with spaces', async () => {
    await using repo = await temporaryRepository({ 'ä ö.txt': 'x' }, { name: "it's a \n project ü" });
    await using home = await temporaryHome();
    const subagent = subagentRef('fix', { session: 'copilot:abc' });
    const made = await workspaceBench(home).prepare({ subagent, spec: specOf(repo) });
    expect(made.cwd).toContain('/worktrees/copilot_abc/fix@1-');
    expect(await readFile(join(made.cwd, 'ä ö.txt'), 'utf8')).toBe('x');
  });

  it('can be made from a linked worktree and from a detached HEAD', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const linked = join(dirname(repo.path), 'linked');
    await repo.git('worktree', 'add', '--quiet', '--detach', linked);
    const made = await workspaceBench(home).prepare({
      subagent: subagentRef(),
      spec: { ...specOf(repo), repo: linked },
    });
    expect(await repo.in(made.cwd)('branch', '--show-current')).toBe('subagents/fix');
  });
});

describe('a worktree that cannot be made', () => {
  const refused = { type: 'Refused', nonRetryable: true };

  it('is refused when a branch called subagents is in the way', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    await repo.git('branch', 'subagents');
    await expect(
      workspaceBench(home).prepare({ subagent: subagentRef(), spec: specOf(repo) }),
    ).rejects.toMatchObject({
      ...refused,
      details: [{ code: 'BRANCH_BLOCKED', remedy: expect.stringMatching(/branch -m/) as string }],
    });
    expect(existsSync(join(repo.path, '.git/worktrees'))).toBe(false);
    expect(await readdir(join(home.paths.worktrees, 'main'))).toEqual([]);
  });

  it('is refused when the repository or the commit is gone', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const { prepare } = workspaceBench(home);
    const spec = specOf(repo, { base: { commit: 'a'.repeat(40), name: 'topic' } });
    await expect(prepare({ subagent: subagentRef(), spec })).rejects.toMatchObject({
      ...refused,
      message: `${repo.path} no longer has the commit ${'a'.repeat(40)} (topic when it was spawned)`,
    });
    await rm(join(repo.path, '.git'), { recursive: true });
    await expect(prepare({ subagent: subagentRef(), spec: specOf(repo) })).rejects.toMatchObject({
      ...refused,
      details: [{ code: 'NOT_A_REPOSITORY' }],
    });
  });

  it('says so when the disk is full, and leaves nothing behind', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const log = join(repo.path, '.git/logs/refs/heads/subagents/fix');
    await mkdir(dirname(log), { recursive: true });
    await symlink('/dev/full', log);
    await expect(
      workspaceBench(home).prepare({ subagent: subagentRef(), spec: specOf(repo) }),
    ).rejects.toMatchObject({ type: 'Workspace', details: [{ code: 'DISK_FULL' }] });
    await expectNothingLeft(repo, home.paths.worktrees);
  });

  it('does not touch a folder that nothing is known of', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const { prepare } = workspaceBench(home);
    const input = { subagent: subagentRef(), spec: specOf(repo) };
    const { cwd } = await prepare(input);
    await rm(`${cwd}.json`);
    await repo.write({ 'precious.txt': 'work' }, cwd);
    await expect(prepare(input)).rejects.toMatchObject({ type: 'Workspace' });
    expect(existsSync(join(cwd, 'precious.txt'))).toBe(true);
  });

  it('leaves nothing behind when it is cancelled in the middle', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const reached = await slowCheckout(repo);
    const env = activityContext();
    const subagent = subagentRef();
    const making = workspaceBench(home).prepare(
      {
        subagent,
        spec: specOf(repo, {
          base: { commit: await repo.git('rev-parse', 'HEAD'), name: 'HEAD' },
          trustRepo: true,
        }),
      },
      env,
    );
    await appeared(reached);
    env.cancel();
    await expect(making).rejects.toMatchObject({
      name: expect.stringMatching(/^(AbortError|CancelledFailure)$/) as string,
    });
    await expectNothingLeft(repo, home.paths.worktrees);
    await vi.waitFor(() => expect(findProcesses(subagent.copilotSessionId)).toEqual([]));
  });
});

/** Commits a file whose checkout hangs until `.git/go` exists; gives the path of the file that says it was reached. */
async function slowCheckout(repo: Repository): Promise<string> {
  const [reached, go] = ['reached', 'go'].map((name) => join(repo.path, '.git', name)) as [string, string];
  const script = `if [ -e '${go}' ]; then cat; else touch '${reached}'; exec sleep 600; fi`;
  await writeFile(join(repo.path, '.git/smudge.sh'), script);
  await repo.commit('Slow', { '.gitattributes': 'slow.txt filter=slow\n', 'slow.txt': 'x', 'zz.txt': 'x' });
  await repo.git('config', 'filter.slow.smudge', `sh '${join(repo.path, '.git/smudge.sh')}'`);
  return reached;
}

describe('a worker killed while it prepares', () => {
  const stops = [
    { of: 'a-branch', when: 'before', call: 'update-ref' },
    { of: 'b-branch', when: 'after', call: 'update-ref' },
    { of: 'a-worktree', when: 'before', call: 'worktree add' },
    { of: 'b-worktree', when: 'after', call: 'worktree add' },
    { of: 'b-files', when: 'after', call: 'read-tree -m -u' },
    { of: 'taken', when: 'before', call: 'update-ref' },
  ] as const;

  it('at any moment: the next attempt ends what still runs, and gives one whole worktree', async () => {
    await using home = await temporaryHome();
    await using folder = await temporaryFolder();
    const repositories: Repository[] = [];
    onTestFinished(
      async () => void (await Promise.all(repositories.map((repo) => repo[Symbol.asyncDispose]()))),
    );
    const cases = await Promise.all(
      [...stops.map(({ of }) => of), 'checkout'].map(async (label) => {
        const repo = await temporaryRepository();
        repositories.push(repo);
        const reached = label === 'checkout' ? await slowCheckout(repo) : undefined;
        const base = { commit: await repo.git('rev-parse', 'HEAD'), name: 'HEAD' };
        return {
          repo,
          reached,
          input: { subagent: subagentRef(label), spec: specOf(repo, { label, base, trustRepo: true }) },
        };
      }),
    );
    const shim = await gitThatHangs(folder.path, stops);
    const inputs = JSON.stringify(cases.map(({ input }) => input));
    await using child = startChild(
      import.meta.url,
      'children/workspaces.ts',
      [home.root, 'prepare', inputs],
      shim.env,
    );
    await Promise.all([shim.reached(), ...cases.map(({ reached }) => reached && appeared(reached))]);
    await child.kill();

    await Promise.all(
      cases.map(async ({ repo, input, reached }) => {
        const { label, copilotSessionId } = input.subagent;
        expect(findProcesses(copilotSessionId), label).not.toEqual([]);
        if (reached) await writeFile(join(repo.path, '.git/go'), '');
        if (label === 'taken') {
          // Somebody else makes the branch that this one was about to make.
          await repo.git('branch', 'subagents/taken');
          expect((await workspaceBench(home).prepare(input)).branch).toBe('subagents/taken-2');
          return;
        }
        const made = await workspaceBench(home).prepare(input);
        expect(made.branch).toBe(`subagents/${label}`);
        await expectWhole(repo, made);
        expect(findProcesses(copilotSessionId), label).toEqual([]);
      }),
    );
  });
});

describe('the identity of commits', () => {
  it('is a stated fallback where the user has none, also for the subagent itself', async () => {
    await using repo = await temporaryRepository(undefined, { identity: false });
    await using home = await temporaryHome();
    const made = await workspaceBench(home).prepare({ subagent: subagentRef(), spec: specOf(repo) });
    const { name, email } = FALLBACK_IDENTITY;
    expect(made.notes).toEqual([
      `git has no user.name or user.email here: the author of commits is ${name} <${email}>`,
    ]);
    expect(await identityOf(made.cwd, Git.at(home.root))).toBe(`${name} <${email}>`);
  });

  it('is the user’s wherever the user has set one', async () => {
    await using repo = await temporaryRepository(undefined, { identity: false });
    await using home = await temporaryHome();
    const { cwd } = await workspaceBench(home).prepare({ subagent: subagentRef(), spec: specOf(repo) });
    await repo.in(cwd)('config', 'user.name', 'Set Later');
    expect(await identityOf(cwd, Git.at(home.root))).toBe(`Set Later <${FALLBACK_IDENTITY.email}>`);
  });
});

/** Who a commit is by that is made in `cwd` with the environment that subagents get. */
async function identityOf(cwd: string, git: Git): Promise<string> {
  const env = { ...NO_GIT_CONFIGURATION, ...(await identityEnvironment(git)) };
  const { stdout } = await execa('git', ['var', 'GIT_COMMITTER_IDENT'], { cwd, env });
  return stdout.replace(/ \d+ [+-]\d+$/, '');
}

describe('in-place', () => {
  const inPlace = (repo: Repository) => specOf(repo, { isolation: 'in-place' });
  const holder = (subagent: SubagentRef): string => `subagent main/${subagent.label} (since `;

  it('works in the checkout itself, as it is', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    await repo.write({ 'half.txt': 'done' });
    const subagent = subagentRef();
    const made = await workspaceBench(home).prepare({ subagent, spec: inPlace(repo) });
    expect(made).toMatchObject({ cwd: repo.path, branch: 'main', base: repo.first });
    expect(made.notes).toEqual(['the checkout had 1 uncommitted change before the subagent began']);
    await repo.git('checkout', '--quiet', '--detach');
    await releaseWorkspace(repo.path, subagent);
    const next = await workspaceBench(home).prepare({ subagent: subagentRef(), spec: inPlace(repo) });
    expect(next.branch).toBeNull();
  });

  it('is for one subagent at a time, across homes; the second is refused by name', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    await using other = await temporaryHome();
    const first = subagentRef('first');
    await workspaceBench(home).prepare({ subagent: first, spec: inPlace(repo) });
    for (const { prepare } of [workspaceBench(home), workspaceBench(other)]) {
      await expect(prepare({ subagent: subagentRef('second'), spec: inPlace(repo) })).rejects.toMatchObject({
        type: 'Refused',
        nonRetryable: true,
        message: expect.stringContaining(holder(first)) as string,
        details: [{ code: 'CHECKOUT_BUSY' }],
      });
    }
    await releaseWorkspace(repo.path, first);
    expect(existsSync(join(repo.path, '.git/subagents-in-place'))).toBe(false);
    await workspaceBench(other).prepare({ subagent: subagentRef('second'), spec: inPlace(repo) });
  });

  it('is a matter of each checkout: a linked worktree is another', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const linked = join(dirname(repo.path), 'linked');
    await repo.git('worktree', 'add', '--quiet', '-b', 'topic', linked);
    const { prepare } = workspaceBench(home);
    await prepare({ subagent: subagentRef(), spec: inPlace(repo) });
    const made = await prepare({ subagent: subagentRef(), spec: { ...inPlace(repo), repo: linked } });
    expect(made).toMatchObject({ cwd: linked, branch: 'topic' });
  });

  it('of many at once, exactly one gets it, also from a holder that is over', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const dead = subagentRef('dead');
    const { prepare } = workspaceBench(home, async (_id, runId) =>
      runId === dead.runId ? 'closed' : 'open',
    );
    await prepare({ subagent: dead, spec: inPlace(repo) });
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, (_, n) => prepare({ subagent: subagentRef(`s${n}`), spec: inPlace(repo) })),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await readdir(join(repo.path, '.git/subagents-in-place'))).toHaveLength(1);
  });

  it('is taken again by the same subagent, which then goes on from where it began', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const { prepare } = workspaceBench(home);
    const input = { subagent: subagentRef(), spec: inPlace(repo) };
    const first = await prepare(input);
    await repo.commit('Work', { 'work.txt': 'done' });
    expect(await prepare(input)).toMatchObject({ base: first.base, branch: 'main' });
  });

  it('passes on from a holder that is over, forgotten by its own home’s server, or whose home is gone', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const spec = inPlace(repo);
    await workspaceBench(home).prepare({ subagent: subagentRef('over'), spec });
    const over = workspaceBench(home, async () => 'closed');
    await over.prepare({ subagent: subagentRef('forgotten'), spec });
    const forgotten = workspaceBench(home, async () => 'missing');
    {
      await using gone = await temporaryHome();
      const subagent = subagentRef('gone');
      await workspaceBench(gone, async () => 'missing')
        .prepare({ subagent: subagentRef('x'), spec })
        .catch(() => undefined);
      await forgotten.prepare({ subagent: subagentRef('y'), spec });
      await workspaceBench(gone, async () => 'closed').prepare({ subagent, spec });
      // Another server than the holder's has never heard of it: that proves nothing while its home stands.
      await expect(forgotten.prepare({ subagent: subagentRef('z'), spec })).rejects.toMatchObject({
        message: expect.stringContaining(`of another home, ${gone.root}`) as string,
        details: [{ remedy: expect.stringContaining('/subagents-in-place/') as string }],
      });
    }
    await forgotten.prepare({ subagent: subagentRef('z'), spec });
  });

  it('is refused when another base than what is checked out was asked for', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    await repo.commit('Newer');
    const { prepare } = workspaceBench(home);
    const base = { commit: repo.first, name: 'main~1' };
    await expect(
      prepare({ subagent: subagentRef(), spec: specOf(repo, { isolation: 'in-place', base }) }),
    ).rejects.toMatchObject({ type: 'Refused', message: expect.stringContaining('not at main~1') as string });
    const made = await prepare({ subagent: subagentRef(), spec: inPlace(repo) });
    expect(made.notes.join()).toContain('HEAD was');
  });
});
