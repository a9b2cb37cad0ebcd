/** `SUBAGENTS_SANDBOX`, and `sandbox` of `.subagents.json`: who may ask for a sandbox, and that nobody may ask for none. */
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { createAdmitActivities } from '../../activities/session/admit.ts';
import { spawnSpec, type Admission, type ResolvedSpec } from '../../src/contract/index.ts';
import { readSettings, type Settings } from '../../src/home/settings.ts';
import { temporaryHome } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { it } from '../support/sandbox.ts';
import { specOf } from '../support/workspace.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

async function admit(
  repository: Repository,
  sandbox: Settings['sandbox'],
  more: Partial<ResolvedSpec> = {},
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Admission | undefined> {
  await using home = await temporaryHome();
  const activities = createAdmitActivities({
    home,
    settings: { ...readSettings(env), models: undefined, model: undefined, sandbox },
    runState: async () => 'open',
    modelAccess: async () => ({ kind: 'provider', description: 'a model' }),
  });
  const base = { commit: await repository.git('rev-parse', 'HEAD'), name: 'HEAD' };
  const specs = [specOf(repository, { base, leftOpen: ['sandbox'], ...more })];
  return (await activities.admit({ session: 'main', specs }))[0];
}

it('on: who asks gets one; off: who asks is refused; required: everyone gets one', async () => {
  await using repository = await temporaryRepository();
  expect(await admit(repository, 'on')).toEqual({ admitted: true });
  expect(await admit(repository, 'on', { sandbox: true })).toEqual({ admitted: true });
  expect(await admit(repository, 'off')).toEqual({ admitted: true });
  expect(await admit(repository, 'off', { sandbox: true })).toMatchObject({
    admitted: false,
    code: 'NO_SANDBOX',
    reason: 'this worker has no sandboxes (SUBAGENTS_SANDBOX=off)',
  });
  expect(await admit(repository, 'required')).toMatchObject({ admitted: true, defaults: { sandbox: true } });
  expect(await admit(repository, 'required', { isolation: 'in-place' })).toMatchObject({
    admitted: false,
    code: 'BAD_INPUT',
    reason: expect.stringContaining('a sandbox and in-place do not go together') as string,
  });
});

it('bounds the network: who asks for more is refused', async () => {
  await using repository = await temporaryRepository();
  const asked = (network: string, SUBAGENTS_SANDBOX_NETWORK?: string) =>
    admit(repository, 'on', { sandbox: true, network }, { SUBAGENTS_SANDBOX_NETWORK });
  expect(await asked('all')).toEqual({ admitted: true });
  expect(await asked('registry.npmjs.org', 'registry.npmjs.org,*.github.com')).toEqual({ admitted: true });
  expect(await asked('none', 'none')).toEqual({ admitted: true });
  expect(await asked('example.com', '*.github.com')).toMatchObject({
    admitted: false,
    code: 'NO_SANDBOX',
    reason:
      'this worker gives a sandbox no more network than *.github.com (SUBAGENTS_SANDBOX_NETWORK), and the spawn asks for example.com',
  });
  expect(() => readSettings({ SUBAGENTS_SANDBOX_NETWORK: 'https://example.com' })).toThrow(
    /^SUBAGENTS_SANDBOX_NETWORK=https:\/\/example\.com: write none, all, or hosts/,
  );
});

it('a repository asks for one in its .subagents.json, and cannot ask for none', async () => {
  await using repository = await temporaryRepository({ '.subagents.json': '{"sandbox": true}' });
  expect(await admit(repository, 'on')).toMatchObject({
    admitted: true,
    defaults: { sandbox: true },
    notes: [expect.stringMatching(/from \.subagents\.json of .*: sandbox$/)],
  });
  expect(await admit(repository, 'on', { trustRepo: true })).toMatchObject({
    admitted: false,
    code: 'BAD_INPUT',
  });
  await repository.commit('None', { '.subagents.json': '{"sandbox": false}' });
  expect(await admit(repository, 'on')).toMatchObject({ admitted: false, code: 'BAD_INPUT' });
  expect(spawnSpec.safeParse({ label: 'a', task: 'b', sandbox: false }).success).toBe(false);
});

it('the variables say what they take', () => {
  expect(readSettings({}).sandbox).toBe('on');
  expect(readSettings({ SUBAGENTS_SANDBOX: 'required' }).sandbox).toBe('required');
  expect(() => readSettings({ SUBAGENTS_SANDBOX: 'yes' })).toThrow('write off, on or required');
  expect(readSettings({ SUBAGENTS_SANDBOX_READ: '/opt/a:/opt/b' }).sandboxRead).toEqual(['/opt/a', '/opt/b']);
  expect(() => readSettings({ SUBAGENTS_SANDBOX_READ: 'a' })).toThrow('by their whole path');
});
