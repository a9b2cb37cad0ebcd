import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ownIdentity } from '../../src/system/process.ts';
import { resolveTemporalTarget } from '../../src/temporal/target.ts';
import { removeUpFile, readUpFile, writeUpFile, type UpFile } from '../../src/temporal/up-file.ts';
import { temporaryFolder } from '../support/home.ts';

/** A folder that is home, configuration and environment of one user. */
async function user() {
  const folder = await temporaryFolder();
  const config = join(folder.path, 'temporal.toml');
  return {
    home: folder.path,
    env: { TEMPORAL_CONFIG_FILE: config },
    configure: (toml: string) => writeFile(config, toml),
    up: (changes: Partial<UpFile> = {}) =>
      writeUpFile(folder.path, {
        ...ownIdentity(),
        address: '127.0.0.1:7777',
        namespace: 'default',
        uiUrl: 'http://127.0.0.1:8777',
        startedAt: new Date().toISOString(),
        ...changes,
      }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const PROFILES = `
[profile.default]
address = "default.example:7233"
namespace = "of-default"
[profile.staging]
address = "staging.example:7233"
namespace = "of-staging"
api_key = "k"
[profile.staging.grpc_meta]
team = "ours"
[profile.bare]
namespace = "alone"
`;

describe('the order', () => {
  test('a profile or an address that was named, with what Temporal’s own tools add to it', async () => {
    await using me = await user();
    await me.configure(PROFILES);
    me.up();
    expect(await resolveTemporalTarget({ ...me, profile: 'staging' })).toEqual({
      address: 'staging.example:7233',
      namespace: 'of-staging',
      apiKey: 'k',
      tls: true,
      metadata: { team: 'ours' },
      origin: 'the Temporal profile "staging"',
    });
    expect(
      await resolveTemporalTarget({ ...me, profile: 'staging', address: 'other:1', namespace: 'n' }),
    ).toMatchObject({ address: 'other:1', namespace: 'n', apiKey: 'k', origin: '--address' });
    const ui = { ...me.env, SUBAGENTS_UI_URL: 'https://ui.example' };
    expect(await resolveTemporalTarget({ ...me, env: ui, profile: 'staging' })).toMatchObject({
      uiUrl: 'https://ui.example',
    });
    const env = { ...me.env, TEMPORAL_ADDRESS: 'env.example:7233', TEMPORAL_NAMESPACE: 'of-env' };
    expect(await resolveTemporalTarget({ ...me, env })).toMatchObject({
      address: 'env.example:7233',
      namespace: 'of-env',
      origin: 'TEMPORAL_ADDRESS',
    });
  });

  test('then the `up` of this home, which takes nothing from variables and profiles', async () => {
    await using me = await user();
    await me.configure(PROFILES);
    me.up();
    const env = { ...me.env, TEMPORAL_NAMESPACE: 'of-env', TEMPORAL_API_KEY: 'k' };
    expect(await resolveTemporalTarget({ ...me, env })).toEqual({
      address: '127.0.0.1:7777',
      embedded: true,
      namespace: 'default',
      uiUrl: 'http://127.0.0.1:8777',
      pollFreshnessMs: 15_000,
      origin: `the embedded server of ${me.home}`,
    });
    expect(await resolveTemporalTarget({ env: { ...me.env, SUBAGENTS_HOME: me.home } })).toMatchObject({
      address: '127.0.0.1:7777',
    });
  });

  test('then the default profile, also when an `up` died without a word or its file is cut off', async () => {
    await using me = await user();
    await me.configure(PROFILES);
    me.up({ startTime: 'another-1' });
    const expected = {
      address: 'default.example:7233',
      namespace: 'of-default',
      origin: 'the default Temporal profile',
    };
    expect(await resolveTemporalTarget(me)).toEqual(expected);
    await writeFile(join(me.home, 'up.json'), '{"pid":');
    expect(await resolveTemporalTarget(me)).toEqual(expected);
  });

  test('then nothing: the error says what to do', async () => {
    await using me = await user();
    await expect(resolveTemporalTarget(me)).rejects.toMatchObject({
      code: 'TEMPORAL_UNREACHABLE',
      message: `no Temporal server: nothing runs in ${me.home}`,
      remedy: expect.stringContaining('subagents up') as string,
    });
  });
});

describe('bad input', () => {
  test.each([
    ['http://localhost:7233', /"http:\/\/localhost:7233" is not an address/],
    ['a b:1', /is not an address/],
    ['', /"" is not an address/],
  ])('address %j', async (address, message) => {
    await using me = await user();
    await expect(resolveTemporalTarget({ ...me, address })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(message) as string,
    });
  });

  test('a profile that is not there, one without address, and a file that is no TOML', async () => {
    await using me = await user();
    await me.configure(PROFILES);
    const refused = (message: RegExp) => ({
      code: 'BAD_INPUT',
      message: expect.stringMatching(message) as string,
    });
    await expect(resolveTemporalTarget({ ...me, profile: 'nope' })).rejects.toMatchObject(
      refused(/'nope' not found/),
    );
    await expect(resolveTemporalTarget({ ...me, profile: 'bare' })).rejects.toMatchObject(
      refused(/no address/),
    );
    await me.configure('this is = = not toml');
    await expect(resolveTemporalTarget(me)).rejects.toMatchObject(
      refused(/the Temporal configuration is invalid/),
    );
  });
});

test('the file of an `up` is removed by that `up` alone', async () => {
  await using me = await user();
  me.up();
  removeUpFile(me.home, process.pid + 1);
  expect(readUpFile(me.home)).toMatchObject({ pid: process.pid });
  removeUpFile(me.home, process.pid);
  expect(readUpFile(me.home)).toBeUndefined();
  await chmod(me.home, 0o700);
  await mkdir(join(me.home, 'empty'));
  expect(readUpFile(join(me.home, 'empty'))).toBeUndefined();
});
