import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCloneActivities } from '../../activities/workspace/clone.ts';
import type { CloneResult, ActivityProgress } from '../../src/contract/index.ts';
import { remoteCommit } from '../../src/git/remote.ts';
import { sweep } from '../../src/home/sweep.ts';
import { PATIENCE_MS } from '../support/eventually.ts';
import { serveGit } from '../support/git-http.ts';
import { gitThatHangs } from '../support/git-shim.ts';
import { temporaryFolder, temporaryHome } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
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
  context.on('heartbeat', (progress: ActivityProgress) => told.push(progress.doing));
  const cut = context.run(cloneRepository, input);
  cut.catch(() => undefined);
  await shim.reached();
  await vi.waitFor(() => expect(told.join('\n')).toMatch(/^clones file:\S+ \([\d.]+ MB so far\)$/m), {
    timeout: PATIENCE_MS,
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
  const push = () => activityContext().run(pushBranch, { subagent, repository, remote: url, commit });
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
    const message = expect.stringMatching(
      /redirects http:.* or its connection, so nothing is fetched or pushed: (url|http|remote)\./,
    ) as string;
    await expect(push()).rejects.toMatchObject({ message });
    await expect(clone('f'.repeat(40))).rejects.toMatchObject({ message });
    await git('config', '--unset', key);
    expect(await branches()).toEqual(['', '']);
  }
  expect(await push()).toMatchObject({ kind: 'pushed', push: { ref: 'refs/heads/subagents/fix' } });
  expect(await branches()).toEqual(['  subagents/fix', '']);
});

describe('a remote is reached as the user has configured, also in a file that the global configuration includes', () => {
  /** A bare copy of `repo`, and configuration that includes `settings` from another file. */
  async function userWith(repo: Repository, settings: Readonly<Record<string, string>>) {
    const folder = dirname(repo.path);
    const bare = join(folder, 'there.git');
    await repo.git('clone', '--quiet', '--bare', repo.path, bare);
    await repo.in(bare)('config', 'http.receivepack', 'true');
    await writeFile(join(folder, 'gitconfig'), '[include]\n\tpath = more\n');
    for (const [key, value] of Object.entries(settings))
      await repo.git('config', '--file', join(folder, 'more'), key, value);
    vi.stubEnv('GIT_CONFIG_GLOBAL', join(folder, 'gitconfig'));
    return { bare, folder };
  }

  /** Clones, commits and pushes; gives the commit and what the remote has of it. */
  async function goAndBack(repo: Repository, url: string, bare: string) {
    await using home = await temporaryHome();
    const { cloneRepository, pushBranch } = createCloneActivities({ home, settings });
    const subagent = subagentRef();
    expect(await remoteCommit(url)).toBe(repo.first);
    const spec = specOf(repo, { repo: url, signing: 'off' });
    const made = await activityContext().run(cloneRepository, { subagent, spec });
    const { repository } = made as Extract<CloneResult, { kind: 'cloned' }>;
    const commit = await repo.in(repository)('commit-tree', 'HEAD^{tree}', '-p', 'HEAD', '-m', 'Work');
    const input = { subagent, repository, remote: url, commit };
    await activityContext().run(pushBranch, input);
    expect(await repo.in(bare)('rev-parse', 'refs/heads/subagents/fix')).toBe(commit);
  }

  it('over ssh, with the credentials of the worker', async () => {
    await using repo = await temporaryRepository();
    const folder = dirname(repo.path);
    const ssh = join(folder, 'run-here');
    const { bare } = await userWith(repo, { 'core.sshCommand': ssh, 'ssh.variant': 'simple' });
    // Instead of going to the host, it runs there what it was to run.
    const script = `#!/bin/sh\necho "$1 $GITHUB_TOKEN" >> '${folder}/calls'\neval "exec $2"\n`;
    await writeFile(ssh, script, { mode: 0o700 });
    vi.stubEnv('GITHUB_TOKEN', 'a-token');
    await goAndBack(repo, `ssh://git.example${bare}`, bare);
    const calls = (await readFile(join(folder, 'calls'), 'utf8')).trimEnd().split('\n');
    expect(calls.length).toBeGreaterThanOrEqual(3);
    expect(new Set(calls)).toEqual(new Set(['git.example a-token']));
  });

  it('over https, with a certificate that only the user trusts', async () => {
    await using repo = await temporaryRepository();
    const folder = dirname(repo.path);
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const own = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert];
    await execa('openssl', [...own, ...subject]);
    const [keyText, certText] = await Promise.all([key, cert].map((path) => readFile(path, 'utf8')));
    await using server = await serveGit(folder, undefined, { key: keyText ?? '', cert: certText ?? '' });
    const url = `${server.url}/there.git`;
    await expect(remoteCommit(url)).rejects.toMatchObject({
      code: 'NOT_A_REPOSITORY',
      message: expect.stringContaining('certificate') as string,
    });
    const { bare } = await userWith(repo, { 'http.sslCAInfo': cert });
    await goAndBack(repo, url, bare);
  });
});
