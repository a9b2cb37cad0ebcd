import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COPILOT_PATH_VARIABLE, findCopilot } from '../../src/copilot/runtime/executable.ts';
import { shareLogin } from '../../src/copilot/runtime/login.ts';
import { describeModelAccess } from '../../src/copilot/runtime/model-access.ts';
import { defaultModel, providerFrom } from '../../src/copilot/runtime/provider.ts';

let home: string;
let env: NodeJS.ProcessEnv;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'subagents-access-'));
  env = { HOME: home, PATH: home };
});
afterEach(() => rm(home, { recursive: true, force: true }));

const LOGIN = {
  loggedInUsers: [{ host: 'https://github.com', login: 'mona' }],
  lastLoggedInUser: { host: 'https://github.com', login: 'mona' },
  copilotTokens: { 'https://github.com:mona': 'not-a-token' },
};
async function logIn(login: object): Promise<void> {
  await mkdir(join(home, '.copilot'), { recursive: true });
  const text = `// User settings belong in settings.json.\n// This file is managed automatically.\n${JSON.stringify({ theme: 'dark', ...login })}`;
  await writeFile(join(home, '.copilot', 'config.json'), text);
}

describe('the model that a worker can use', () => {
  it('is none without a login and a provider', async () => {
    expect(await describeModelAccess(env)).toMatchObject({
      kind: 'none',
      remedy: expect.any(String) as string,
    });
  });

  it('is a provider of the user’s own, with a model', async () => {
    env['COPILOT_PROVIDER_BASE_URL'] = 'http://user:secret@127.0.0.1:11434/v1';
    expect(await describeModelAccess(env)).toMatchObject({
      kind: 'none',
      remedy: expect.stringContaining('COPILOT_MODEL') as string,
    });
    env['COPILOT_MODEL'] = 'qwen';
    expect(await describeModelAccess(env)).toEqual({
      kind: 'provider',
      description: 'model qwen at http://127.0.0.1:11434/v1',
    });
  });

  it('is Copilot’s by a token, by the stored login, or by the gh command', async () => {
    await writeFile(join(home, 'gh'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    expect(await describeModelAccess(env)).toMatchObject({
      kind: 'login',
      description: expect.stringContaining('gh') as string,
    });
    await logIn(LOGIN);
    expect(await describeModelAccess(env)).toMatchObject({
      kind: 'login',
      description: expect.stringContaining('mona') as string,
    });
    env['GH_TOKEN'] = 'github_pat_x';
    expect(await describeModelAccess(env)).toEqual({
      kind: 'login',
      description: 'GitHub Copilot, by the token in GH_TOKEN',
    });
    env['GH_TOKEN'] = 'ghp_classic';
    expect((await describeModelAccess(env)).remedy).toContain('classic');
  });
});

describe('the user’s login', () => {
  const ours = () => join(home, 'ours');
  const config = async () =>
    JSON.parse(await readFile(join(ours(), 'config.json'), 'utf8')) as Record<string, unknown>;

  it('is shared with a runtime whose home is ours, and nothing else of theirs is', async () => {
    await mkdir(ours());
    await writeFile(join(ours(), 'config.json'), JSON.stringify({ firstLaunchAt: 'then' }));
    await logIn(LOGIN);
    await shareLogin(env, ours());
    expect(await config()).toEqual({ firstLaunchAt: 'then', ...LOGIN });
    expect((await stat(join(ours(), 'config.json'))).mode & 0o777).toBe(0o600);
  });

  it('is gone there once they logged out', async () => {
    await mkdir(ours());
    await logIn(LOGIN);
    await shareLogin(env, ours());
    await logIn({});
    await shareLogin(env, ours());
    expect(await config()).toEqual({});
  });
});

describe('a provider from the environment', () => {
  it('has what Copilot’s variables say', () => {
    const provider = providerFrom(
      {
        COPILOT_PROVIDER_BASE_URL: 'https://models.example/v1',
        COPILOT_PROVIDER_TYPE: 'azure',
        COPILOT_PROVIDER_API_KEY: 'key',
        COPILOT_PROVIDER_WIRE_API: 'responses',
        COPILOT_PROVIDER_AZURE_API_VERSION: '2024-10-21',
        COPILOT_PROVIDER_HEADERS: 'X-Team: a\\nX-Cost: b:c',
        COPILOT_PROVIDER_MAX_PROMPT_TOKENS: '1000',
        COPILOT_PROVIDER_WIRE_MODEL: 'deployment-7',
        COPILOT_MODEL: 'gpt',
      },
      'gpt',
    );
    expect(provider).toEqual({
      baseUrl: 'https://models.example/v1',
      type: 'azure',
      apiKey: 'key',
      wireApi: 'responses',
      azure: { apiVersion: '2024-10-21' },
      headers: { 'X-Team': 'a', 'X-Cost': 'b:c' },
      maxPromptTokens: 1000,
      wireModel: 'deployment-7',
    });
  });

  it('sends another model by its own name', () => {
    const from = {
      COPILOT_PROVIDER_BASE_URL: 'http://x/v1',
      COPILOT_PROVIDER_WIRE_MODEL: 'seven',
      COPILOT_MODEL: 'gpt',
    };
    expect(providerFrom(from, 'other')).toEqual({ baseUrl: 'http://x/v1' });
    expect(defaultModel(from)).toBe('gpt');
  });

  it('asks the key command each time', async () => {
    const provider = providerFrom(
      {
        PATH: process.env['PATH'],
        COPILOT_PROVIDER_BASE_URL: 'http://x/v1',
        COPILOT_PROVIDER_API_KEY_COMMAND: 'echo fresh',
      },
      undefined,
    );
    expect(await provider?.bearerTokenProvider?.({ providerName: 'default', sessionId: 's' })).toBe('fresh');
  });
});

describe('the Copilot CLI', () => {
  it('is found in the package that came with us, and another one where named', async () => {
    expect(await findCopilot(undefined)).toMatch(/@github\/copilot-[^/]+\/copilot/);
    expect(await findCopilot(process.execPath)).toBe(process.execPath);
    await expect(findCopilot(join(home, 'nothing'))).rejects.toMatchObject({
      code: 'COPILOT_MISSING',
      remedy: expect.stringContaining(COPILOT_PATH_VARIABLE) as string,
    });
  });
});
