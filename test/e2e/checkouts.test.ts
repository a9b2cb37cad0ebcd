/** From a checkout to a pool and back: a client with neither worker nor Copilot CLI, and workers that share only the store with it. */
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Subagents, type SubagentsError } from '../../src/client/index.ts';
import { newRing } from '../../src/keys/key-ring.ts';
import { homeRingPath } from '../../src/keys/key-source.ts';
import { Keys } from '../../src/keys/keys.ts';
import { resultName } from '../../src/store/records.ts';
import { Store } from '../../src/store/store.ts';
import { run, start } from '../cli/command.ts';
import { it as withBucket, startBucket } from '../support/bucket.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { serveGit, type GitServer } from '../support/git-http.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { startS3Proxy } from '../support/s3-proxy.ts';
import { bash, on } from '../support/turns.ts';

let fleet: Fleet;
let subagents: Subagents;
let server: GitServer;
let store: Store;
let workerId: string;
const ring = newRing('refused');
const beside = (name: string): string => join(dirname(fleet.home), name);
const place = (): string => beside('store');
/** What clients and workers share. */
const shared = (): Readonly<Record<string, string>> => ({
  SUBAGENTS_KEYS: `file:${homeRingPath(fleet.home)}`,
  SUBAGENTS_STORE: place(),
});
const client = (more: Readonly<Record<string, string>> = {}) => ({
  ...fleet.target,
  home: beside('client'),
  env: { ...fleet.target.env, ...shared(), SUBAGENTS_HOST: 'hostc', ...more },
});

async function startOn(host: string, pools: readonly string[], more: Readonly<Record<string, string>> = {}) {
  await mkdir(beside(host), { recursive: true, mode: 0o700 });
  return fleet.startWorker(beside(host), { SUBAGENTS_HOST: host, ...shared(), ...more }, pools);
}

beforeAll(async () => {
  const make = 'echo made > made.txt && git add . && git commit -qm "Make it"';
  fleet = await startFleet(
    [
      // The second run goes on with the conversation of the first.
      on('twice', [
        bash(make),
        { text: 'Made.' },
        bash('echo again >> made.txt && git commit -qam "Again"'),
        { text: 'Made again.' },
        bash('echo more >> made.txt && git commit -qam "More"'),
        { text: 'Made more.' },
      ]),
      on('slowly', [bash(`until [ -e "$HOME/go" ]; do sleep 0.2; done; ${make}`), { text: 'Made.' }]),
      on('make', [bash(make), { text: 'Made.' }]),
      on('look', [{ text: 'Nothing to do.' }]),
    ],
    { worker: false, keys: ring },
  );
  const keys = await Keys.read({ kind: 'file', path: homeRingPath(fleet.home) });
  store = await Store.init({ env: shared(), keys });
  ({ workerId } = await startOn('hosta', ['default']));
  subagents = await Subagents.connect(client());
  server = await serveGit(beside('served'));
});
afterAll(async () => {
  await subagents?.close();
  await server?.[Symbol.asyncDispose]();
  await fleet?.[Symbol.asyncDispose]();
});

const refsOf = ({ git }: Repository): Promise<string> =>
  git('for-each-ref', '--format=%(refname) %(objectname)');
const refusal = async (spec: object, by = subagents): Promise<SubagentsError> =>
  (await by
    .session('refused')
    .spawn({ label: 'refused', task: 'make', pool: 'default', ...spec })
    .catch((error: unknown) => error)) as SubagentsError;

describe('a checkout without a remote', () => {
  it('is worked on by a worker that shares only the store, and the branch comes back', async () => {
    await using repository = await temporaryRepository({ 'a.txt': 'a' });
    const session = subagents.session('alone');
    await repository.write({ 'changed.txt': 'not committed' });
    const spawned = await session.spawn({
      label: 'maker',
      task: 'make slowly',
      repo: repository.path,
      pool: 'default',
      withChanges: true,
      verify: ['test -f made.txt', 'test -f changed.txt'],
    });
    expect(spawned.notes.join()).toContain('its whole history');
    // Nobody but the client can see the checkout.
    await rename(repository.path, `${repository.path}-away`);
    const maker = session.subagent('maker');
    await eventually(async () => (await maker.describe()).doing.startsWith('bash'));
    await writeFile(join(dirname(fleet.home), 'go'), '');
    await eventually(async () => (await maker.describe()).status === 'done');
    await rename(`${repository.path}-away`, repository.path);

    const before = await refsOf(repository);
    const outcome = await maker.result();
    const { evidence, saved, notes } = outcome;
    expect(outcome).toMatchObject({
      status: 'done',
      worker: workerId,
      evidence: { branch: 'subagents/maker' },
    });
    expect(saved).toEqual({
      store: store.id,
      commit: evidence?.head,
      hostQueue: expect.stringContaining('hostc') as string,
    });
    expect(notes.join('\n')).toContain(`its work is in ${repository.path}, on the branch subagents/maker`);
    expect(before).not.toContain('refs/heads/subagents/maker');
    expect(await repository.git('rev-parse', 'subagents/maker')).toBe(evidence?.head);
    // Said once, and brought once.
    const once = await refsOf(repository);
    expect((await maker.result()).notes.join()).not.toContain('its work is in');
    expect(await refsOf(repository)).toBe(once);

    expect((await maker.diff()).text).toContain('made.txt');
    await rm(join(repository.path, 'changed.txt'));
    expect(await maker.merge({ cwd: repository.path })).toMatchObject({
      how: 'fast-forward',
      checkout: repository.path,
    });
    expect(await readFile(join(repository.path, 'made.txt'), 'utf8')).toBe('made\n');
    // The branch that the user removes is not made again.
    await repository.git('branch', '-D', 'subagents/maker');
    expect((await maker.diff()).text).toContain('made.txt');
    expect(await refsOf(repository)).not.toContain('refs/heads/subagents/maker');
    const kinds = (await store.list()).objects.map(({ record }) => record?.kind).sort();
    expect(kinds).toEqual(['accepted', 'merged', 'result', 'upload']);
  });

  it('goes from the terminal and back, and goes on with the next run', async () => {
    await using repository = await temporaryRepository({ 'a.txt': 'a' });
    const at = ['--address', fleet.server.address, '--session', 'terminal'];
    const options = {
      home: beside('client'),
      cwd: repository.path,
      env: { ...NO_GIT_CONFIGURATION, ...shared(), SUBAGENTS_HOST: 'hostc', HOME: dirname(fleet.home) },
    };
    const spawned = await run([...at, 'spawn', 'term', 'make twice', '--pool', 'default', '--wait'], options);
    expect(spawned.stdout).toContain('subagents merge');
    expect(spawned.exitCode).toBe(0);
    const first = await repository.git('rev-parse', 'subagents/term');

    const more = await run([...at, 'continue', 'term', 'again', '--wait'], options);
    expect(more.exitCode, more.stderr).toBe(0);
    const second = await repository.git('rev-parse', 'subagents/term');
    expect(await repository.git('rev-parse', `${second}~1`)).toBe(first);

    await repository.git('checkout', '-q', 'subagents/term');
    const own = await repository.commit('Of the user', { 'own.txt': 'own' });
    const third = await run([...at, 'continue', 'term', 'again', '--wait', '--json'], options);
    expect(third.exitCode, third.stderr).toBe(0);
    // The branch is checked out, so it is not moved.
    const { outcome } = JSON.parse(third.stdout) as {
      outcome: { evidence: { branch: string; head: string } };
    };
    expect(outcome.evidence.branch).toBe('subagents/term-2');
    expect(await repository.git('merge-base', own, 'subagents/term-2')).toBe(own);
    expect(await repository.git('rev-parse', 'subagents/term-2~1')).toBe(own);

    await repository.git('branch', '-f', 'subagents/term-2', first);
    const refused = await run([...at, 'continue', 'term', 'again'], options);
    expect(refused.stderr).toContain(first.slice(0, 12));
    expect(refused.stderr).toContain(outcome.evidence.head.slice(0, 12));
  });

  it('gets a branch with a number where the name is taken by other work', async () => {
    await using repository = await temporaryRepository({ 'a.txt': 'a' });
    await repository.git('checkout', '-qb', 'subagents/taken');
    const own = await repository.commit('Of the user', { 'own.txt': 'own' });
    await repository.git('checkout', '-q', 'main');
    const session = subagents.session('taken');
    await session.spawn({ label: 'taken', task: 'make', repo: repository.path, pool: 'default' });
    const { evidence, notes } = await session.subagent('taken').result();
    expect(notes.join('\n')).toContain('on the branch subagents/taken-2');
    expect(await repository.git('rev-parse', 'subagents/taken-2')).toBe(evidence?.head);
    expect(await repository.git('rev-parse', 'subagents/taken')).toBe(own);
  });

  it('comes to its end without work, too', async () => {
    await using repository = await temporaryRepository({ 'a.txt': 'a' });
    const session = subagents.session('idle');
    await session.spawn({ label: 'idle', task: 'look', repo: repository.path, pool: 'default' });
    const outcome = await session.subagent('idle').result();
    expect(outcome).toMatchObject({
      status: 'done',
      evidence: { commitCount: 0 },
      saved: { store: store.id },
    });
    expect(await refsOf(repository)).not.toContain('subagents/idle');
  });
});

describe('a checkout with a remote', () => {
  async function withRemote(name: string): Promise<Repository> {
    const repository = await temporaryRepository({ 'a.txt': 'a'.repeat(10_000) });
    await repository.git('clone', '--quiet', '--bare', repository.path, join(beside('served'), name));
    await repository.git('remote', 'add', 'origin', `${server.url}/${name}`);
    return repository;
  }

  it('sends only what the remote does not have now', async () => {
    await using repository = await withRemote('some.git');
    const session = subagents.session('remote');
    const spawn = (label: string) =>
      session.spawn({ label, task: 'make', repo: repository.path, pool: 'default' });
    const nothing = await spawn('nothing');
    expect(nothing.notes.join()).toContain(
      `the pool gets the commits of the checkout from ${server.url}/some.git`,
    );
    const base = await repository.commit('Not pushed', { 'b.txt': 'b' });
    const one = await spawn('one');
    expect(one.notes.join()).toContain(`the 1 that ${server.url}/some.git does not have`);
    for (const label of ['nothing', 'one']) {
      const { status, evidence } = await session.subagent(label).result();
      expect(status).toBe('done');
      expect(await repository.git('rev-parse', `subagents/${label}`)).toBe(evidence?.head);
    }
    expect(await repository.git('merge-base', 'subagents/one', 'main')).toBe(base);
    // The remote forgets what the tracking branch still says.
    await repository.git('push', '--quiet', 'origin', 'main').catch(() => undefined);
    await repository.git('fetch', '--quiet', 'origin');
    expect(await readdir(join(beside('served'), 'some.git'))).toContain('HEAD');
  });

  it('sends everything where no worker can read the remote', async () => {
    await using repository = await withRemote('hidden.git');
    const config = beside('blind.gitconfig');
    await writeFile(config, `[url "http://127.0.0.1:9/"]\n\tinsteadOf = ${server.url}/\n`);
    await startOn('hostb', ['blind'], { GIT_CONFIG_GLOBAL: config });
    const session = subagents.session('hidden');
    const { notes } = await session.spawn({
      label: 'hidden',
      task: 'make',
      repo: repository.path,
      pool: 'blind',
    });
    expect(notes.join()).toContain('its whole history');
    const { status, evidence } = await session.subagent('hidden').result();
    expect(status).toBe('done');
    expect(await repository.git('rev-parse', 'subagents/hidden')).toBe(evidence?.head);
  });
});

describe('refused by name', () => {
  it('is what cannot be sent', async () => {
    await using repository = await temporaryRepository({
      'a.txt': 'a',
      '.worktreeinclude': '.env\n',
      '.gitignore': '.env\n',
    });
    const repo = repository.path;
    expect(await refusal({ repo, isolation: 'in-place' })).toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('in-place') as string,
    });
    await writeFile(join(repo, '.env'), 'SECRET=1');
    expect(await refusal({ repo })).toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('.env') as string,
    });
    await rm(join(repo, '.env'));

    const shallow = beside('shallow');
    await repository.commit('Second', { 'b.txt': 'b' });
    await repository.git('clone', '--quiet', '--depth=1', `file://${repo}`, shallow);
    expect(await refusal({ repo: shallow })).toMatchObject({
      message: expect.stringContaining('shallow clone') as string,
    });

    await repository.commit('Files elsewhere', { '.gitattributes': '*.bin filter=lfs\n', 'x.bin': 'x' });
    expect(await refusal({ repo })).toMatchObject({ message: expect.stringContaining('Git LFS') as string });

    await using outer = await temporaryRepository({ 'a.txt': 'a' });
    await outer.git('-c', 'protocol.file.allow=always', 'submodule', 'add', '--quiet', repo, 'inner');
    await outer.git('commit', '-qm', 'Submodule');
    expect(await refusal({ repo: outer.path })).toMatchObject({
      message: expect.stringContaining('submodules (inner)') as string,
    });
    expect((await store.list()).objects.filter(({ record }) => record?.label === 'refused')).toEqual([]);
  });

  it('is a client or a worker without a store, or with another one', async () => {
    await using repository = await temporaryRepository({ 'a.txt': 'a' });
    const repo = repository.path;
    await using without = await Subagents.connect(client({ SUBAGENTS_STORE: '' }));
    expect(await refusal({ repo }, without)).toMatchObject({
      code: 'NO_STORE',
      message: expect.stringContaining('SUBAGENTS_STORE is not set') as string,
    });
    await using wrong = await Subagents.connect(client({ SUBAGENTS_STORE: beside('nothing-here') }));
    expect(await refusal({ repo }, wrong)).toMatchObject({
      code: 'NO_STORE',
      remedy: expect.stringContaining('store init') as string,
    });
    await startOn('hostd', ['bare'], { SUBAGENTS_STORE: '' });
    expect(await refusal({ repo, pool: 'bare' })).toMatchObject({ code: 'NO_STORE' });
    const other = { ...shared(), SUBAGENTS_STORE: beside('other') };
    await Store.init({ env: other, keys: await Keys.read({ kind: 'file', path: homeRingPath(fleet.home) }) });
    await using elsewhere = await Subagents.connect(client(other));
    expect(await refusal({ repo }, elsewhere)).toMatchObject({
      code: 'OTHER_STORE',
      message: expect.stringContaining(store.id) as string,
    });
    await startOn('hoste', ['narrow'], { SUBAGENTS_REPOS: '/srv' });
    expect(await refusal({ repo, pool: 'narrow' })).toMatchObject({ code: 'REPO_REFUSED' });
  });

  it('is a checkout without a worker here: both ways are named, and nothing leaves by itself', async () => {
    await using repository = await temporaryRepository({
      'a.txt': 'a',
      '.subagents.json': JSON.stringify({ pool: 'default' }),
    });
    const before = (await store.list()).objects.length;
    const error = await refusal({ repo: repository.path, pool: undefined });
    expect(error).toMatchObject({
      code: 'NO_WORKER',
      remedy: expect.stringMatching(/subagents up[^]*--pool NAME/) as string,
    });
    expect((await store.list()).objects.length).toBe(before);
    // Only the user's own setting sends it.
    await using own = await Subagents.connect(client({ SUBAGENTS_POOL: 'default' }));
    await own.session('own').spawn({ label: 'own', task: 'look', repo: repository.path });
    expect(await own.session('own').subagent('own').result()).toMatchObject({ status: 'failed' });
  });
});

describe('a hostile store', () => {
  it('changes nothing in the caller’s repository', async () => {
    await using repository = await temporaryRepository({ 'a.txt': 'a' });
    const session = subagents.session('hostile');
    await session.spawn(
      ['first', 'second', 'third'].map((label) => ({
        label,
        task: 'make',
        repo: repository.path,
        pool: 'default',
      })),
    );
    const ended = async (label: string) =>
      eventually(async () => {
        const found = await session.subagent(label).describe();
        return found.status === 'done' ? found : undefined;
      });
    const [first, second, third] = [await ended('first'), await ended('second'), await ended('third')];
    const { objects } = await store.list();
    const fileOf = (runId: string): string =>
      join(place(), objects.find(({ record }) => record?.kind === 'result' && record.runId === runId)!.key);
    const before = await refsOf(repository);
    const refused = async (label: string, code: string): Promise<void> => {
      await expect(session.subagent(label).diff()).rejects.toMatchObject({ code });
      expect((await session.subagent(label).result()).notes.join()).toContain(
        'its work was not brought back',
      );
      expect(await refsOf(repository)).toBe(before);
    };
    // The work of another run, by who can only write there.
    await copyFile(fileOf(second.runId), fileOf(first.runId));
    await refused('first', 'STORE_DAMAGED');
    // A bundle of strange refs, by who has the keys.
    await using foreign = await temporaryRepository({ 'evil.txt': 'evil' });
    const bundle = beside('evil.bundle');
    await foreign.git('update-ref', 'refs/heads/main2', 'HEAD');
    await foreign.git('bundle', 'create', '--quiet', bundle, 'main', 'main2');
    const { evidence } = second.outcome!;
    const found = (await store.get(resultName(second.runId)))!;
    await rm(fileOf(second.runId));
    await store.put(found.record, [await readFile(bundle)]);
    await refused('second', 'GIT');
    // Another commit than the one that the outcome names.
    const { record } = (await store.get(resultName(third.runId)))!;
    await rm(fileOf(third.runId));
    await store.put({ ...record, head: evidence!.base } as never, []);
    await refused('third', 'STORE_DAMAGED');
  });

  it('that has the work already is told as what it is: the work is on the worker alone', async () => {
    await using repository = await temporaryRepository({ 'a.txt': 'a' });
    await rm(join(dirname(fleet.home), 'go'), { force: true });
    const session = subagents.session('squatted');
    const { runId, workflowId } = await session.spawn({
      label: 'squat',
      task: 'make slowly',
      repo: repository.path,
      pool: 'default',
    });
    const id = { session: 'squatted', label: 'squat', run: 1, workflowId, runId };
    const commits = { base: repository.first, head: repository.first, commits: 1 };
    await store.put({ kind: 'result', ...id, branch: 'main', ...commits }, []);
    await writeFile(join(dirname(fleet.home), 'go'), '');
    const before = await refsOf(repository);
    const outcome = await session.subagent('squat').result();
    expect(outcome).toMatchObject({
      status: 'done',
      saved: { problem: expect.stringContaining('another result') as string },
    });
    expect(outcome.caveats.map(({ kind }) => kind)).toContain('not-saved');
    await expect(session.subagent('squat').merge({ cwd: repository.path })).rejects.toMatchObject({
      message: expect.stringContaining(`only on worker ${workerId}`) as string,
    });
    expect(await refsOf(repository)).toBe(before);
  });
});

describe('through a bucket', () => {
  withBucket('goes there and comes back, and Ctrl-C leaves nothing that counts', async () => {
    await using bucket = await startBucket();
    await using proxy = await startS3Proxy(bucket.endpoint);
    const env = bucket.env(proxy.endpoint);
    const keys = await Keys.read({ kind: 'file', path: homeRingPath(fleet.home) });
    const there = await Store.init({ env, keys });
    await startOn('hostf', ['bucket'], bucket.env());
    await using repository = await temporaryRepository({ 'a.txt': 'a' });
    await using through = await Subagents.connect(client(env));
    const session = through.session('bucket');
    await session.spawn({ label: 'bucket', task: 'make', repo: repository.path, pool: 'bucket' });
    const { status, evidence } = await session.subagent('bucket').result();
    expect(status).toBe('done');
    expect(await repository.git('rev-parse', 'subagents/bucket')).toBe(evidence?.head);
    const before = (await there.list()).objects.length;

    // Nobody can read it in time: the second part never gets its answer.
    await repository.commit('Large', { 'large.txt': randomBytes(6_000_000).toString('hex') });
    const isPart = ({ method, path }: { method: string; path: string }) =>
      method === 'PUT' && path.includes('.000001');
    let parts = 0;
    proxy.attack = (request) => (isPart(request) && ++parts > 0 ? 'silent' : 'none');
    const child = start(['--address', fleet.server.address, 'spawn', 'stopped', 'make', '--pool', 'bucket'], {
      home: beside('client'),
      cwd: repository.path,
      env: { ...NO_GIT_CONFIGURATION, ...shared(), ...env, SUBAGENTS_HOST: 'hostc' },
    });
    await eventually(() => parts > 0);
    child.kill('SIGINT');
    const { exitCode, stderr } = await child;
    expect([exitCode, stderr]).toEqual([130, expect.stringContaining('interrupted: nothing was spawned')]);
    proxy.attack = () => 'none';
    expect(await there.list()).toMatchObject({ objects: { length: before }, loose: [] });
    expect(await refsOf(repository)).not.toContain('refs/subagents/sent');
  });
});

it('a store that is away for a moment holds the end up, and loses nothing', async () => {
  await using repository = await temporaryRepository({ 'a.txt': 'a' });
  await rm(join(dirname(fleet.home), 'go'), { force: true });
  const session = subagents.session('away');
  await session.spawn({ label: 'away', task: 'make slowly', repo: repository.path, pool: 'default' });
  const away = session.subagent('away');
  await eventually(async () => (await away.describe()).doing.startsWith('bash'));
  await rename(place(), `${place()}-away`);
  await writeFile(join(dirname(fleet.home), 'go'), '');
  await eventually(async () => (await away.describe()).doing.includes('saving its work'));
  await rename(`${place()}-away`, place());
  const { status, evidence, saved } = await away.result();
  expect([status, saved?.problem]).toEqual(['done', undefined]);
  expect(await repository.git('rev-parse', 'subagents/away')).toBe(evidence?.head);
});
