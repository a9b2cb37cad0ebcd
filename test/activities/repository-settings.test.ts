import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAdmitActivities } from '../../activities/session/admit.ts';
import type { Admission, ResolvedSpec } from '../../src/contract/index.ts';
import { temporaryHome } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { specOf } from '../support/workspace.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

const EVERYTHING: ResolvedSpec['leftOpen'] = ['setup', 'verify', 'model', 'timeout', 'permissions'];

async function admit(...specs: ResolvedSpec[]): Promise<Admission[]> {
  await using home = await temporaryHome();
  const host = createAdmitActivities({
    home,
    settings: { models: ['a', 'b'], model: 'a' },
    runState: async () => 'open',
    modelAccess: async () => ({ kind: 'provider', words: 'a model', remedy: undefined }) as never,
  });
  return await host.admit({ session: 'main', specs });
}

/** A spec that starts from the newest commit, and leaves everything open. */
async function newest(repo: Repository, given: Partial<ResolvedSpec> = {}): Promise<ResolvedSpec> {
  const commit = await repo.git('rev-parse', 'HEAD');
  return specOf(repo, { base: { commit, name: 'HEAD' }, leftOpen: EVERYTHING, ...given });
}

const SETTINGS = {
  $schema: './node_modules/durable-subagents/subagents.schema.json',
  setup: ['npm ci'],
  verify: ['npm test'],
  model: 'b',
  timeout: '45m',
  permissions: 'workspace',
};

describe('.subagents.json', () => {
  it('is what the commit has, whatever the repository puts in its place', async () => {
    await using repo = await temporaryRepository();
    await repo.commit('Settings', { '.subagents.json': '{ "verify": ["npm test"] }' });
    const was = await repo.git('rev-parse', 'HEAD:.subagents.json');
    await repo.write({ '.git/other': '{ "verify": ["true"] }' });
    await repo.git('replace', was, await repo.git('hash-object', '-w', '.git/other'));
    expect(await repo.git('show', 'HEAD:.subagents.json')).toContain('true');
    const [admission] = await admit(await newest(repo));
    expect(admission).toMatchObject({ defaults: { verify: ['npm test'] } });
  });

  it('gives what the spawn left open, and the caller is told', async () => {
    await using repo = await temporaryRepository();
    await repo.commit('Settings', { '.subagents.json': JSON.stringify(SETTINGS) });
    const commit = (await repo.git('rev-parse', 'HEAD')).slice(0, 12);
    const some = await newest(repo, { setup: ['make'], leftOpen: ['verify', 'model'] });
    expect(await admit(await newest(repo), some, await newest(repo, { leftOpen: [] }))).toEqual([
      {
        admitted: true,
        model: 'b',
        defaults: {
          setup: ['npm ci'],
          verify: ['npm test'],
          timeoutMs: 45 * 60_000,
          permissions: 'workspace',
        },
        notes: [
          `from .subagents.json of ${commit}: set-up \`npm ci\`; verification \`npm test\`; model b; timeout 2700 s; permissions workspace`,
        ],
      },
      {
        admitted: true,
        model: 'b',
        defaults: { verify: ['npm test'] },
        notes: [`from .subagents.json of ${commit}: verification \`npm test\`; model b`],
      },
      { admitted: true, model: 'a' },
    ]);
  });

  it('has a policy that holds whatever the spawn says', async () => {
    await using repo = await temporaryRepository();
    const rules = { deny: ['command git push'] };
    await repo.commit('Settings', {
      '.subagents.json': JSON.stringify({ model: 'b', policy: rules, verify: ['npm test'] }),
    });
    const commit = (await repo.git('rev-parse', 'HEAD')).slice(0, 12);
    const policy = { allow: ['command git push'] };
    expect(await admit(await newest(repo, { leftOpen: [], policy }))).toEqual([
      {
        admitted: true,
        model: 'a',
        defaults: { repositoryPolicy: rules },
        notes: [`from .subagents.json of ${commit}: policy`],
      },
    ]);
    await repo.commit('By name', { '.subagents.json': '{ "policy": "careful" }' });
    expect(await admit(await newest(repo))).toMatchObject([
      { defaults: { repositoryPolicy: { use: 'careful' } } },
    ]);
    await repo.commit('Bad', { '.subagents.json': '{ "policy": { "deny": ["git push"] } }' });
    expect(await admit(await newest(repo))).toMatchObject([
      {
        admitted: false,
        code: 'BAD_INPUT',
        reason: expect.stringContaining(
          'policy.deny.0: the rule "git push" begins with none of command',
        ) as string,
      },
    ]);
  });

  it('is that of the base commit, whatever lies in the checkout', async () => {
    await using repo = await temporaryRepository();
    await repo.write({ '.subagents.json': JSON.stringify(SETTINGS) });
    expect(await admit(await newest(repo))).toEqual([{ admitted: true, model: 'a' }]);
    await repo.commit('Settings');
    await repo.write({ '.subagents.json': '{ half-written' });
    const old = specOf(repo, { leftOpen: EVERYTHING });
    expect(await admit(await newest(repo), old)).toMatchObject([
      { defaults: { setup: ['npm ci'] } },
      { admitted: true, model: 'a' },
    ]);
  });

  it('sets no checkout up in place, and verifies there all the same', async () => {
    await using repo = await temporaryRepository();
    await repo.commit('Settings', { '.subagents.json': JSON.stringify(SETTINGS) });
    const [answer] = await admit(await newest(repo, { isolation: 'in-place' }));
    expect(answer).toMatchObject({ admitted: true, defaults: { verify: ['npm test'] } });
    expect(answer).not.toHaveProperty('defaults.setup');
  });

  it.each([
    ['{ "setup": 3 }', /: setup: use a list or text, not 3$/],
    ['{ "setup": ["npm ci", ""] }', /: setup\.1: a set-up command is empty$/],
    ['{ "timeout": "soon" }', /: timeout: "soon" is not a duration/],
    ['{ "permissions": "none" }', /: permissions: /],
    ['{ "task": "x" }', /there is no field "task"$/],
    ['[]', /: use an object, not a list/],
    ['{ "setup": [', /: not JSON \(/],
    [`"${'x'.repeat(70_000)}"`, /: larger than 64 KiB$/],
  ])('that does not fit is refused by file, commit and field: %.30s', async (text, reason) => {
    await using repo = await temporaryRepository();
    const commit = await repo.commit('Settings', { '.subagents.json': text });
    const [answer] = await admit(await newest(repo));
    expect(answer).toMatchObject({
      admitted: false,
      code: 'BAD_INPUT',
      remedy: expect.stringContaining(
        'Its fields are $schema, model, setup, verify, permissions, sandbox, policy, timeout.',
      ) as string,
    });
    const words = answer?.admitted === false ? answer.reason : '';
    expect(words.startsWith(`.subagents.json of ${repo.path} at ${commit.slice(0, 12)}: `)).toBe(true);
    expect(words).toMatch(reason);
  });

  it('as a link is what the link says, and never what it leads to', async () => {
    await using repo = await temporaryRepository();
    await symlink('/etc/hostname', join(repo.path, '.subagents.json'));
    await repo.commit('Link');
    expect(await admit(await newest(repo))).toMatchObject([{ admitted: false, code: 'BAD_INPUT' }]);
  });

  it('that names a model which the worker does not allow is refused', async () => {
    await using repo = await temporaryRepository();
    await repo.commit('Settings', { '.subagents.json': '{ "model": "c" }' });
    expect(await admit(await newest(repo), await newest(repo, { model: 'b' }))).toMatchObject([
      {
        admitted: false,
        code: 'MODEL_REFUSED',
        reason: 'the model "c", which .subagents.json names, is not among those this worker allows',
      },
      { admitted: true, model: 'b' },
    ]);
  });
});

describe('dependencies that a worktree will lack', () => {
  const notesOf = async (repo: Repository, given: Partial<ResolvedSpec> = {}): Promise<readonly string[]> => {
    const [answer] = await admit(await newest(repo, given));
    return (answer?.admitted && answer.notes) || [];
  };

  it.each([
    ['package-lock.json', 'node_modules', 'npm ci'],
    ['pnpm-lock.yaml', 'node_modules', 'pnpm install --frozen-lockfile'],
    ['yarn.lock', 'node_modules', 'yarn install --frozen-lockfile'],
    ['.yarnrc.yml', 'node_modules', 'yarn install --immutable'],
    ['bun.lock', 'node_modules', 'bun install --frozen-lockfile'],
    ['uv.lock', '.venv', 'uv sync'],
    ['composer.lock', 'vendor', 'composer install'],
    ['mix.lock', 'deps', 'mix deps.get'],
  ])('are told by %s', async (manifest, folder, command) => {
    await using repo = await temporaryRepository({ [manifest]: '{}' });
    expect(await notesOf(repo)).toEqual([
      `${folder} is not in a worktree (${manifest} is): add --setup "${command}", or "setup" in .subagents.json`,
    ]);
  });

  it.each([
    ['requirements.txt', 'venv', 'python3 -m venv .venv && .venv/bin/pip install -r requirements.txt'],
    ['Gemfile.lock', 'vendor/bundle', 'bundle install'],
    ['Cargo.lock', 'target', 'cargo build'],
    ['package.json', 'node_modules', 'npm install'],
  ])('are told by %s only where the checkout has them', async (manifest, folder, command) => {
    await using repo = await temporaryRepository({ [manifest]: '{}' });
    expect(await notesOf(repo)).toEqual([]);
    await mkdir(join(repo.path, folder), { recursive: true });
    await writeFile(join(repo.path, folder, 'x'), '');
    expect((await notesOf(repo)).join()).toContain(
      `${folder} is not in a worktree (${manifest} is): add --setup "${command}"`,
    );
  });

  it('are no matter with a set-up, in place, when they are committed, or when .worktreeinclude brings them', async () => {
    const files = { 'package-lock.json': '{}', 'package.json': '{}' };
    await using repo = await temporaryRepository(files);
    expect(await notesOf(repo)).toHaveLength(1);
    expect(await notesOf(repo, { setup: ['npm ci'] })).toEqual([]);
    expect(await notesOf(repo, { isolation: 'in-place' })).toEqual([]);
    await repo.commit('Include', { '.worktreeinclude': 'node_modules/\n' });
    expect(await notesOf(repo)).toEqual([]);
    await using committed = await temporaryRepository({ ...files, 'node_modules/x.js': '' });
    expect(await notesOf(committed)).toEqual([]);
  });
});
