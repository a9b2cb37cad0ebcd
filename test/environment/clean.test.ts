import { describe, expect, it } from 'vitest';
import { cleanEnvironment, secretsIn } from '../../src/environment/clean.ts';

const SECRETS = {
  TEMPORAL_API_KEY: 'canary-temporal',
  COPILOT_PROVIDER_API_KEY: 'canary-provider',
  COPILOT_GITHUB_TOKEN: 'canary-copilot',
  GITHUB_TOKEN: 'canary-github',
  GH_TOKEN: 'canary-gh',
  OPENAI_API_KEY: 'canary-openai',
  ANTHROPIC_AUTH_TOKEN: 'canary-anthropic',
  AWS_SECRET_ACCESS_KEY: 'canary-aws',
  MY_SERVICE_PASSWORD: 'canary-service',
  npm_config__authToken: 'canary-npm',
  STRIPE_SECRET: 'canary-stripe',
  DEPLOY_PRIVATE_KEY: 'canary-deploy',
  GOOGLE_CREDENTIALS: '{"canary":1}',
};
const HARMLESS = {
  HOME: '/home/me',
  PATH: '/usr/bin',
  SSH_AUTH_SOCK: '/tmp/agent',
  GOOGLE_APPLICATION_CREDENTIALS: '/etc/hosts',
  MAX_OUTPUT_TOKENS: '32000',
  DISABLE_PASSWORD: 'true',
  KEYBOARD: 'qwerty-layout',
  TOKENIZERS_PARALLELISM: 'sometimes-on',
  MONKEY: 'business as usual',
  EDITOR: 'vi',
};

describe('the environment of shells', () => {
  it('has no credential of the worker and nothing that is named like a secret', () => {
    expect(cleanEnvironment({ ...SECRETS, ...HARMLESS, TEMPORAL_ADDRESS: 'there:7233' })).toEqual(HARMLESS);
  });

  it('has the secrets that a spawn names', () => {
    const { GITHUB_TOKEN, MY_SERVICE_PASSWORD } = SECRETS;
    const names = ['GITHUB_TOKEN', 'MY_SERVICE_PASSWORD', 'ABSENT_TOKEN'];
    expect(cleanEnvironment(SECRETS, names)).toEqual({ GITHUB_TOKEN, MY_SERVICE_PASSWORD });
  });
});

describe('what is redacted', () => {
  it('is the value of each secret, and the password in an address', () => {
    const found = secretsIn({ ...SECRETS, ...HARMLESS, DATABASE_URL: 'postgres://me:canary-pass@db/x' });
    expect(Object.fromEntries(found)).toEqual({ ...SECRETS, DATABASE_URL: 'canary-pass' });
  });
});
