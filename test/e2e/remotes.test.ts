/** Repositories that are named by URL: cloned once into the worker's home, and pushed to at the end when asked to. */
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyRetention } from '../../src/worker/upkeep/retention.ts';
import type { SubagentsError, Subagents } from '../../src/client/index.ts';
import { openHome } from '../../src/home/home.ts';
import { run } from '../cli/command.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { serveGit, type GitServer } from '../support/git-http.ts';
import { bash, on } from '../support/turns.ts';
import { temporal } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;
let server: GitServer;
let locked: GitServer;

beforeAll(async () => {
  fleet = await startFleet(
    [
      on('WORK', [
        bash('echo $RANDOM > "$(basename "$PWD").txt" && git add . && git commit -qm "Add a file"'),
        { text: 'Added.' },
      ]),
    ],
    { env: { SUBAGENTS_SLOTS: '8' } },
  );
  subagents = await fleet.connect();
  server = await serveGit(dirname(fleet.repository.path));
  locked = await serveGit(dirname(fleet.repository.path), 'canary-of-a-password');
});
afterAll(async () => {
  await subagents?.close();
  await server?.[Symbol.asyncDispose]();
  await locked?.[Symbol.asyncDispose]();
  await fleet?.[Symbol.asyncDispose]();
});

const beside = (name: string): string => join(dirname(fleet.repository.path), name);
const clones = async (): Promise<string[]> =>
  (await readdir(join(fleet.home, 'repositories'))).filter((name) => !name.endsWith('.lock'));

/** A bare repository to be named by URL, called `name`. */
async function remote(name: string, files: Readonly<Record<string, string>> = {}) {
  const { git } = fleet.repository;
  const source = beside(`${name}-source`);
  await git('clone', '--quiet', fleet.repository.path, source);
  await fleet.repository.commit('More', files, source);
  await git('clone', '--quiet', '--bare', source, beside(`${name}.git`));
  const at = fleet.repository.in(beside(`${name}.git`));
  return {
    url: `file://${beside(`${name}.git`)}`,
    git: at,
    hook: async (script: string): Promise<void> => {
      const path = join(beside(`${name}.git`), 'hooks/pre-receive');
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, `#!/bin/sh\n${script}\n`);
      await chmod(path, 0o755);
    },
    unhook: () => rm(join(beside(`${name}.git`), 'hooks/pre-receive')),
  };
}

/** Spawns one, and waits for its outcome. */
async function done(label: string, spec: { repo: string; push?: boolean; base?: string; verify?: string[] }) {
  const accepted = await subagents.session('urls').spawn({ label, task: 'WORK', ...spec });
  const outcome = await subagents.session('urls').subagent(label).result();
  return { accepted, outcome };
}
const refusal = async (spec: object): Promise<SubagentsError> =>
  (await subagents
    .session('urls')
    .spawn({ label: 'refused', task: 'WORK', ...spec } as never)
    .catch((error: unknown) => error)) as SubagentsError;

describe('a repository by URL', () => {
  it('is cloned once for two at once, works as .subagents.json of the base says, and gets the branches', async () => {
    const { url, git } = await remote('shop', {
      '.subagents.json': JSON.stringify({ setup: ['echo ready > ready.txt'], verify: ['test -f ready.txt'] }),
    });
    const before = await clones();
    const session = subagents.session('urls');
    await session.spawn(['one', 'two'].map((label) => ({ label, task: 'WORK', repo: url, push: true })));
    const outcomes = await Promise.all(['one', 'two'].map((label) => session.subagent(label).result()));
    const [made] = (await clones()).filter((name) => !before.includes(name));
    expect(made).toMatch(/^shop-[0-9a-f]{12}$/);
    const repository = join(fleet.home, 'repositories', made ?? '');
    for (const { label, status, evidence, push, setup, verifications, notes } of outcomes) {
      expect(status).toBe('done');
      expect(evidence).toMatchObject({ repository, branch: `subagents/${label}`, commitCount: 1 });
      expect(push).toEqual({ remote: url, ref: `refs/heads/subagents/${label}`, commit: evidence?.head });
      expect(await git('rev-parse', `refs/heads/subagents/${label}`)).toBe(evidence?.head);
      expect(setup).toMatchObject([{ command: 'echo ready > ready.txt', exitCode: 0 }]);
      expect(verifications).toMatchObject([{ command: 'test -f ready.txt', exitCode: 0 }]);
      expect(notes.join()).toContain('from .subagents.json of');
    }
    const told = outcomes.filter(({ notes }) => notes.some((note) => note.startsWith(`${url} was cloned`)));
    expect(told).toHaveLength(1);
    // The second one fetches only what is new, and can start from any branch.
    const source = beside('shop-source');
    await fleet.repository.in(source)('checkout', '--quiet', '-b', 'newer');
    const newer = await fleet.repository.commit('Newer', { 'newer.txt': 'n' }, source);
    await fleet.repository.in(source)('push', '--quiet', url, 'newer');
    const { outcome } = await done('three', { repo: url, base: 'newer' });
    expect(outcome).toMatchObject({ status: 'done', evidence: { base: newer, repository } });
    expect(outcome.push).toBeUndefined();
    expect((await clones()).filter((name) => !before.includes(name))).toEqual([made]);
    const third = subagents.session('urls').subagent('three');
    expect((await third.diff()).text).toContain('.txt');
    await expect(third.merge()).rejects.toMatchObject({
      message: `three@1 worked for ${url}, in a clone without a checkout to merge into`,
      remedy: `In a checkout of yours: git fetch ${repository} subagents/three, then git merge FETCH_HEAD`,
    });
  });

  it('is read and pushed to over http; in what is shown, --push names the branch there', async () => {
    const { git } = await remote('over-http');
    await git('config', 'http.receivepack', 'true');
    const url = `${server.url}/over-http.git`;
    const { stdout, exitCode } = await run(
      ['--address', fleet.server.address, 'spawn', 'cli', 'WORK', '--repo', url, '--push', '--wait'],
      { home: fleet.home, cwd: '/' },
    );
    expect(stdout).toMatch(new RegExp(`pushed [0-9a-f]{9} to subagents/cli of ${url}`));
    expect(stdout).toMatch(/git fetch \/\S+\/repositories\/over-http-[0-9a-f]{12} subagents\/cli\n/);
    expect(stdout).not.toContain('subagents merge');
    expect(exitCode).toBe(0);
    expect(await git('log', '-1', '--format=%s', 'subagents/cli')).toBe('Add a file');
  });

  it('has the next number for its branch where the remote has that one with other commits', async () => {
    const { url, git } = await remote('taken');
    await git('update-ref', 'refs/heads/subagents/same', 'main~1');
    const { outcome } = await done('same', { repo: url, push: true });
    // An older commit of its own line is gone on from; it is no other work.
    expect(outcome.push?.ref).toBe('refs/heads/subagents/same');
    const other = await git('commit-tree', 'main^{tree}', '-m', 'Other work');
    await git('update-ref', 'refs/heads/subagents/rival', other);
    const second = await done('rival', { repo: url, push: true });
    expect(second.outcome).toMatchObject({ status: 'done', push: { ref: 'refs/heads/subagents/rival-2' } });
    expect(await git('rev-parse', 'refs/heads/subagents/rival')).toBe(other);
  });

  it('keeps the work when the push is refused, says why, and pushes it when it is continued', async () => {
    const { url, git, hook, unhook } = await remote('guarded');
    await hook('echo "only on weekdays" >&2; exit 1');
    const { outcome } = await done('late', { repo: url, push: true, verify: ['true'] });
    expect(outcome).toMatchObject({
      status: 'failed',
      failure: { class: 'push', message: expect.stringContaining('pre-receive hook declined') as string },
      push: { remote: url, problem: expect.stringContaining('declined') as string },
      evidence: { commitCount: 1 },
      verifications: [{ exitCode: 0 }],
    });
    const { repository = '', head } = outcome.evidence ?? {};
    expect(await fleet.repository.in(repository)('rev-parse', 'refs/heads/subagents/late')).toBe(head);
    expect(await git('branch', '--list', 'subagents/*')).toBe('');
    await unhook();
    await subagents.session('urls').subagent('late').continue('WORK, once more.');
    const again = await subagents.session('urls').subagent('late').result();
    expect(again).toMatchObject({ status: 'done', push: { ref: 'refs/heads/subagents/late' } });
    expect(again.notes.join()).not.toContain('was cloned');
    expect(await git('rev-parse', 'refs/heads/subagents/late')).toBe(again.evidence?.head);
  });

  it('asks nobody for a password, and keeps none that stands in the URL', async () => {
    await remote('private');
    const host = locked.url.replace('http://', '');
    const error = await refusal({ repo: `http://dev:canary-of-a-password@${host}/private.git` });
    expect(error).toMatchObject({ code: 'NOT_A_REPOSITORY' });
    expect(error.message).toContain(`${locked.url}/private.git cannot be read`);
    // Where it is read all the same, the credentials are left out of all that is kept.
    const { accepted, outcome } = await done('open', {
      repo: `${server.url.replace('http://', 'http://dev:canary-of-a-password@')}/private.git`,
    });
    expect(accepted.notes.join()).toContain('the credentials in the URL were removed');
    expect(outcome.status).toBe('done');
    const history = await temporal(fleet, 'workflow', 'show', '-w', 'subagent/urls/open', '--output', 'json');
    const payloads = [...history.matchAll(/"data": ?"([^"]+)"/g)].map(([, data = '']) =>
      Buffer.from(data, 'base64').toString(),
    );
    const config = readFileSync(join(outcome.evidence?.repository ?? '', '.git/config'), 'utf8');
    const kept = [error.message, error.remedy, history, ...payloads, config, readFileSync(fleet.log, 'utf8')];
    expect(payloads.join()).toContain(`${server.url}/private.git`);
    expect(kept.join('\n')).not.toContain('canary-of-a-password');
  });

  it.each([
    [{ repo: 'ext::sh -c true' }, 'BAD_INPUT', /is not an accepted URL of a repository/],
    [{ repo: 'file:///nowhere/at/all.git' }, 'NOT_A_REPOSITORY', /all\.git cannot be read: /],
    [{ repo: 'http://127.0.0.1:9/x.git' }, 'NOT_A_REPOSITORY', /x\.git cannot be read: /],
    [{ repo: 'URL', base: 'no-such' }, 'UNKNOWN_BASE', /unknown base "no-such"/],
    [{ repo: 'URL', isolation: 'in-place' }, 'BAD_INPUT', /has no checkout to work in$/],
    [{ repo: 'URL', withChanges: true }, 'BAD_INPUT', /has no uncommitted changes to include$/],
    [{ repo: 'URL', base: 'f'.repeat(39) }, 'UNKNOWN_BASE', /no such branch or tag$/],
    [{ repo: 'PATH', push: true }, 'BAD_INPUT', /push only works for a repository that is named by URL$/],
  ])('is refused at once: %j', async (spec, code, message) => {
    const before = await clones();
    const names: Record<string, string> = {
      URL: `file://${fleet.repository.path}`,
      PATH: fleet.repository.path,
    };
    const error = await refusal({ ...spec, repo: names[spec.repo] ?? spec.repo });
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(message);
    expect(error.remedy).toBeDefined();
    expect(await clones()).toEqual(before);
  });

  it('leaves nothing of a clone that fails, and the outcome says why', async () => {
    const { url, git } = await remote('broken');
    const blob = await git('rev-parse', 'HEAD:README.md');
    const before = await clones();
    // It still tells its branches, and can no longer send them.
    await rm(join(beside('broken.git'), 'objects', blob.slice(0, 2), blob.slice(2)));
    const { outcome } = await done('nothing', { repo: url });
    expect(outcome).toMatchObject({ status: 'failed', failure: { class: 'workspace' }, turns: 0 });
    expect(outcome.failure?.message).toContain(`git clone of ${url} failed: `);
    expect(await clones()).toEqual(before);
  });

  it('has its clone removed by retention once nothing of it is needed, and not before', async () => {
    const { url } = await remote('old');
    const { outcome } = await done('kept', { repo: url });
    const pushed = await done('pushed', { repo: url, push: true });
    const clone = outcome.evidence?.repository ?? '';
    const home = await openHome(fleet.home);
    const look = async (): Promise<string> => {
      const ago = new Date(Date.now() - 2 * 60 * 60_000);
      await utimes(clone, ago, ago);
      const lines: string[] = [];
      await applyRetention({
        clean: { home, runState: async () => 'closed', openRun: async () => undefined },
        settings: { keepMs: 0, keepBytes: Infinity },
        log: (line) => lines.push(line),
      });
      return lines.join('\n');
    };
    // A branch that nobody has but the clone keeps it.
    await look();
    expect(existsSync(clone)).toBe(true);
    expect(existsSync(pushed.outcome.evidence?.cwd ?? '')).toBe(false);
    const tip = outcome.evidence?.head ?? '';
    await fleet.repository.in(clone)('push', '--quiet', url, `${tip}:refs/heads/taken-over`);
    await fleet.repository.in(clone)('update-ref', 'refs/remotes/origin/taken-over', tip);
    expect(await look()).toContain(`removed the clone ${clone}`);
    expect(existsSync(clone)).toBe(false);
  });
});
