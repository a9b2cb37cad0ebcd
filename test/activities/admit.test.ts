import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAdmitActivities, type AdmitDependencies } from '../../activities/session/admit.ts';
import { createCloneActivities } from '../../activities/workspace/clone.ts';
import { releaseWorkspace } from '../../activities/workspace/in-place.ts';
import type { Admission, Continuation, PrepareInput, ResolvedSpec } from '../../src/contract/index.ts';
import type { Home } from '../../src/home/home.ts';
import { temporaryHome } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository } from '../support/repository.ts';
import { activityContext, specOf, subagentRef, workspaceBench } from '../support/workspace.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

const NO_SETTINGS = { models: undefined, model: undefined };

function admit(
  home: Home,
  specs: readonly ResolvedSpec[],
  given: Partial<AdmitDependencies> = {},
): Promise<Admission[]> {
  const activities = createAdmitActivities({
    home,
    settings: NO_SETTINGS,
    runState: async () => 'open',
    modelAccess: async () => ({ kind: 'provider', description: 'a model' }),
    ...given,
  });
  return activities.admit({ session: 'main', specs });
}

describe('admission', () => {
  it('is given, in the order of the specs', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const unknown = { commit: 'b'.repeat(40), name: 'gone' };
    const specs = [specOf(repo), specOf(repo, { base: unknown }), specOf(repo)];
    expect(await admit(home, specs)).toMatchObject([
      { admitted: true },
      {
        admitted: false,
        code: 'UNKNOWN_BASE',
        reason: `${repo.path} has no commit ${unknown.commit} (gone)`,
      },
      { admitted: true },
    ]);
  });

  it('names the model that will be used', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const specs = [specOf(repo), specOf(repo, { model: 'b' }), specOf(repo, { model: 'c' })];
    const settings = { models: ['a', 'b'], model: 'a' };
    expect(await admit(home, specs, { settings })).toEqual([
      { admitted: true, model: 'a' },
      { admitted: true, model: 'b' },
      {
        admitted: false,
        code: 'MODEL_REFUSED',
        reason: 'the model "c" is not among those this worker allows',
        remedy: 'Name one of a, b.',
        worker: `worker ${home.workerId} on ${home.host}`,
      },
    ]);
    expect((await admit(home, specs)).map((answer) => answer.admitted && answer.model)).toEqual([
      undefined,
      'b',
      'c',
    ]);
  });

  it('is refused where the repository is gone, and says what is there', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const elsewhere = (path: string) => ({ ...specOf(repo), repo: join(dirname(repo.path), path) });
    await mkdir(join(dirname(repo.path), 'plain'));
    await writeFile(join(dirname(repo.path), 'file'), '');
    const answers = await admit(home, [elsewhere('absent'), elsewhere('plain'), elsewhere('file')]);
    expect(answers.map((answer) => (answer.admitted ? '' : `${answer.code}: ${answer.reason}`))).toEqual([
      `NOT_A_REPOSITORY: ${elsewhere('absent').repo} does not exist`,
      `NOT_A_REPOSITORY: ${elsewhere('plain').repo} is not the root of a git checkout`,
      `NOT_A_REPOSITORY: ${elsewhere('file').repo} is a file, not a folder`,
    ]);
  });

  it('is refused for a checkout that another in-place subagent has, by name', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const spec = specOf(repo, { isolation: 'in-place' });
    const holder = subagentRef('holder');
    await workspaceBench(home).prepare({ subagent: holder, spec });
    expect(await admit(home, [spec, specOf(repo)])).toMatchObject([
      {
        admitted: false,
        code: 'CHECKOUT_BUSY',
        reason: expect.stringMatching(/^this checkout is in use by subagent main\/holder \(since /) as string,
        remedy: 'Wait for it, kill it, or use isolation "worktree".',
      },
      { admitted: true },
    ]);
    expect(await admit(home, [spec], { runState: async () => 'closed' })).toMatchObject([{ admitted: true }]);
    await releaseWorkspace(repo.path, holder);
    expect(await admit(home, [spec])).toMatchObject([{ admitted: true }]);
  });

  it('is for one in-place subagent of a spawn for each checkout; one that is refused does not count', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const inPlace = (label: string, model?: string) =>
      specOf(repo, { label, isolation: 'in-place', ...(model !== undefined && { model }) });
    const settings = { models: ['a'], model: 'a' };
    const specs = [inPlace('one', 'other'), inPlace('two'), inPlace('three')];
    expect(await admit(home, specs, { settings })).toMatchObject([
      { admitted: false, code: 'MODEL_REFUSED' },
      { admitted: true },
      {
        admitted: false,
        code: 'CHECKOUT_BUSY',
        reason: `${repo.path} is already used in place by subagent two of the same spawn`,
      },
    ]);
  });

  it('is refused to each by itself, also for a reason that nobody foresaw', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const modelAccess = async () => Promise.reject(new Error('out of descriptors'));
    const unknown = specOf(repo, { model: 'c' });
    const settings = { models: ['a'], model: 'a' };
    expect(await admit(home, [unknown, specOf(repo)], { modelAccess, settings })).toMatchObject([
      { admitted: false, code: 'MODEL_REFUSED' },
      { admitted: false, code: 'INTERNAL', reason: 'Error: out of descriptors' },
    ]);
  });

  it('is refused when the disk of the home is nearly full', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    expect(
      await admit(home, [specOf(repo)], {
        settings: { ...NO_SETTINGS, reserveBytes: Number.MAX_SAFE_INTEGER },
      }),
    ).toMatchObject([
      {
        admitted: false,
        code: 'DISK_FULL',
        reason: expect.stringMatching(/^only \d+ MB are free on the disk of /) as string,
      },
    ]);
  });

  it('is refused where a branch called subagents is in the way', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    await repo.git('branch', 'subagents');
    await repo.git('pack-refs', '--all');
    expect(await admit(home, [specOf(repo), specOf(repo, { isolation: 'in-place' })])).toMatchObject([
      { admitted: false, code: 'BRANCH_BLOCKED', remedy: 'Rename it: git branch -m subagents old-subagents' },
      { admitted: true },
    ]);
  });

  it('is refused for repositories outside of SUBAGENTS_REPOS, here and where the worktree is made', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const settings = { models: undefined, model: undefined, repos: [home.root] };
    expect(await admit(home, [specOf(repo)], { settings })).toMatchObject([
      {
        admitted: false,
        code: 'REPO_REFUSED',
        remedy: `The worker accepts repositories in (SUBAGENTS_REPOS): ${home.root}`,
      },
    ]);
    const input = { subagent: subagentRef(), spec: specOf(repo) };
    await expect(workspaceBench(home, undefined, settings).prepare(input)).rejects.toMatchObject({
      message: `${repo.path} is not among the repositories that this worker accepts`,
    });
    settings.repos = [dirname(repo.path)];
    expect(await admit(home, [specOf(repo)], { settings })).toMatchObject([{ admitted: true }]);
  });

  it('is refused for a continued one whose repository, folder or clone is said to be elsewhere', async () => {
    await using repo = await temporaryRepository();
    await using other = await temporaryRepository();
    await using home = await temporaryHome();
    const settings = { models: undefined, model: undefined, repos: [dirname(repo.path)] };
    const before = {
      run: 1,
      runId: 'r',
      workerId: home.workerId,
      copilotSessionId: 'c',
      branch: 'main',
      handover: '',
      cwd: join(home.paths.worktrees, 'main/fix@1-r'),
      repository: repo.path,
    };
    const continued = (changes: Partial<Continuation>, spec: Partial<ResolvedSpec> = {}): PrepareInput => ({
      subagent: subagentRef(),
      spec: specOf(repo, { ...spec, continues: { ...before, ...changes } }),
    });
    const refused = (path: string) => ({
      details: [expect.objectContaining({ code: 'REPO_REFUSED' })] as unknown,
      message: expect.stringContaining(`${path} is not `) as string,
    });
    const { prepare } = workspaceBench(home, undefined, settings);

    const elsewhere = continued({ repository: other.path });
    expect(await admit(home, [elsewhere.spec], { settings })).toMatchObject([{ code: 'REPO_REFUSED' }]);
    await expect(prepare(elsewhere)).rejects.toMatchObject(refused(other.path));
    // Neither does an allowed one open the way for the repository of the spec,
    await expect(prepare(continued({}, { repo: other.path }))).rejects.toMatchObject(refused(other.path));
    // nor for a folder that is no worktree of this home.
    await writeFile(`${other.path}.json`, '{}');
    for (const cwd of [other.path, join(home.paths.worktrees, '../..', 'x')])
      await expect(prepare(continued({ cwd }))).rejects.toMatchObject(refused(cwd));
    const url = `file://${repo.path}`;
    const { cloneRepository } = createCloneActivities({ home, settings: { ...settings, repos: [url] } });
    await expect(
      activityContext().run(cloneRepository, continued({ repository: other.path }, { repo: url })),
    ).rejects.toMatchObject(refused(other.path));
    // What is said truly is taken.
    await repo.git('branch', 'subagents/fix');
    const { cwd } = await prepare(continued({ branch: 'subagents/fix' }));
    expect(cwd).toBe(before.cwd);
  });

  it('is refused where a signature would have to ask somebody, unless signing is off', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const global = join(home.root, 'global');
    await writeFile(global, '[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = false\n');
    vi.stubEnv('GIT_CONFIG_GLOBAL', global);
    expect(await admit(home, [specOf(repo), specOf(repo, { signing: 'off' })])).toMatchObject([
      { admitted: false, code: 'SIGNING', remedy: expect.stringContaining('--signing off') as string },
      { admitted: true },
    ]);
  });

  it('changes nothing in the checkout, and runs nothing of it', async () => {
    await using repo = await temporaryRepository();
    await using home = await temporaryHome();
    const monitor = join(repo.path, '.git/monitor.sh');
    await writeFile(monitor, `#!/bin/sh\ntouch '${repo.path}/ran'\n`);
    await chmod(monitor, 0o755);
    await repo.git('config', 'core.fsmonitor', monitor);
    await rm(join(repo.path, '.git/index'));
    await admit(home, [specOf(repo)]);
    await repo.git('config', '--unset', 'core.fsmonitor');
    expect(await repo.git('status', '--porcelain', '--untracked-files=no')).toBe('D  README.md');
    expect((await repo.git('status', '--porcelain')).includes('ran')).toBe(false);
  });
});
