import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createCloneActivities } from '../../activities/clone.ts';
import type { CloneResult, Progress } from '../../src/contract/index.ts';
import { sweep } from '../../src/home/sweep.ts';
import { serveGit } from '../support/git-http.ts';
import { gitThatHangs } from '../support/git-shim.ts';
import { temporaryFolder, temporaryHome } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository } from '../support/repository.ts';
import { activityContext, specOf, subagentRef } from '../support/workspace.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

const settings = { models: undefined, model: undefined, repos: undefined };

it('a clone tells how far it is, leaves nothing when it is cut short, and is made whole the next time', async () => {
  await using repo = await temporaryRepository();
  await using home = await temporaryHome();
  await using folder = await temporaryFolder();
  const { cloneRepository } = createCloneActivities({ home, settings });
  const subagent = subagentRef();
  const url = `file://${repo.path}`;
  const input = { subagent, spec: specOf(repo, { repo: url, signing: 'off' }) };
  const clones = async (): Promise<string[]> =>
    (await readdir(home.paths.repositories)).filter((name) => !name.endsWith('.lock'));

  const shim = await gitThatHangs(folder.path, [{ of: url, when: 'after', call: 'clone' }]);
  vi.stubEnv('PATH', shim.env['PATH'] ?? '');
  const context = activityContext();
  const told: string[] = [];
  context.on('heartbeat', (progress: Progress) => told.push(progress.doing));
  const cut = context.run(cloneRepository, input);
  cut.catch(() => undefined);
  await shim.reached();
  await vi.waitFor(() => expect(told.join('\n')).toMatch(/^clones file:\S+ \([\d.]+ MB so far\)$/m), {
    timeout: 50_000,
  });
  expect(await clones()).toEqual([expect.stringMatching(/^project-[0-9a-f]{12}\.making$/)]);
  context.cancel();
  await expect(cut).rejects.toThrow();
  expect(await clones()).toEqual([]);
  await sweep(subagent.copilotSessionId);

  vi.unstubAllEnvs();
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
  const made = await activityContext().run(cloneRepository, input);
  expect(made).toMatchObject({ kind: 'cloned', notes: [expect.stringContaining('was cloned to') as string] });
  expect(await clones()).toEqual([expect.stringMatching(/^project-[0-9a-f]{12}$/)]);
});

it('neither reads from nor pushes to another place than the outcome would say, or by another way', async () => {
  await using repo = await temporaryRepository();
  await using home = await temporaryHome();
  const folder = dirname(repo.path);
  for (const name of ['true', 'evil'])
    await repo.git('clone', '--quiet', '--bare', repo.path, join(folder, `${name}.git`));
  for (const name of ['true', 'evil'])
    await repo.in(join(folder, `${name}.git`))('config', 'http.receivepack', 'true');
  await using server = await serveGit(folder);
  const url = `${server.url}/true.git`;
  const { cloneRepository, pushBranch } = createCloneActivities({ home, settings });
  const subagent = subagentRef();
  const clone = (base: string) => {
    const spec = specOf(repo, { repo: url, signing: 'off', base: { commit: base, name: 'HEAD' } });
    return activityContext().run(cloneRepository, { subagent, spec });
  };
  const { repository } = (await clone(repo.first)) as Extract<CloneResult, { kind: 'cloned' }>;
  const git = repo.in(repository);
  const commit = await git('commit-tree', 'HEAD^{tree}', '-p', 'HEAD', '-m', 'Work');
  const push = () =>
    activityContext().run(pushBranch, { subagent, cwd: repository, repository, remote: url, commit });
  const evil = `${server.url}/evil.git`;
  const branches = async (): Promise<string[]> =>
    Promise.all(
      ['true', 'evil'].map((name) => repo.in(join(folder, `${name}.git`))('branch', '--list', 'subagents/*')),
    );

  for (const [key, value] of [
    [`url.${evil}.insteadOf`, url],
    [`url.${evil}.pushInsteadOf`, url],
    ['http.proxy', 'http://127.0.0.1:9'],
    ['http.sslVerify', 'false'],
    [`remote.${url}.pushurl`, evil],
  ] as const) {
    await git('config', key, value);
    const message = expect.stringMatching(/changes the way to http:.*: (url|http|remote)\./) as string;
    await expect(push()).rejects.toMatchObject({ message });
    await expect(clone('f'.repeat(40))).rejects.toMatchObject({ message });
    await git('config', '--unset', key);
    expect(await branches()).toEqual(['', '']);
  }
  expect(await push()).toMatchObject({ kind: 'pushed', push: { ref: 'refs/heads/subagents/fix' } });
  expect(await branches()).toEqual(['  subagents/fix', '']);
});
