/** What is taken for a secret by its name or shape, and what is not. */
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { cleanEnvironment, secretsIn, withheldFrom } from '../../src/environment/clean.ts';
import { Redactor } from '../../src/environment/redact.ts';

const hex = (text: string) => createHash('sha256').update(text).digest('hex');
const VALUE = 'canary-Value1';

/** By their names, whatever their values. */
const NAMED = [
  ...['DB_PASS', 'MYSQL_PWD', 'STRIPE_KEY', 'DEPLOY_KEY', 'TOKENS', 'BASIC_AUTH', 'SENTRY_DSN'],
  ...[
    'SLACK_WEBHOOK_URL',
    'AZURE_STORAGE_CONNECTION_STRING',
    'GITHUB_PAT',
    'API_KEYS',
    'SECRETS',
    'dbPassword',
  ],
  ...[
    'npm_config__authToken',
    'npm_config_//registry.npmjs.org/:_auth',
    'PGPASSWORD',
    'SSHPASS',
    'KEY',
    'AUTH',
  ],
  ...['RAILS_MASTER_KEY', 'SECRET_KEY_BASE', 'API_KEY_PROD', 'API_TOKEN_2', 'APIKEY1', 'TF_VAR_db_password'],
  ...['SESSION_COOKIE', 'VAULT_SECRET_ID', 'AWS_ACCESS_KEY_ID', 'SMTP_PW', 'REDIS_AUTH', 'GPG_PASSPHRASE'],
  ...['WIFI_PSK', 'ROOTPW', 'LDAP_BINDPW', 'DB_PWORD', 'PRIVKEY', 'CURLOPT_USERPWD', 'COOKIE'],
  ...['SIGNING_KEY_BASE64', 'STORAGE_SAS', 'AUTHORIZATION', 'GH_CREDS', 'ServiceCredentials', 'JWT'],
];

/** By their values, whatever their names; with what of them is redacted. */
const SHAPED: Record<string, [value: string, secret: string]> = {
  DATABASE_URL: ['postgres://me:p%40ss-word@db/x', 'p%40ss-word'],
  MONGO: ['mongodb+srv://u:has/slash-in@cluster.example/x', 'has/slash-in'],
  MYSQL: ['me:four-words@tcp(127.0.0.1:3306)/db', 'four-words'],
  HTTPS_PROXY: ['http://user:proxy-pass@proxy:3128', 'proxy-pass'],
  ADO: ['Server=x;User=me;Password=ado-canary-1;', 'ado-canary-1'],
  BLOBS: ['AccountName=me;AccountKey=Zm9vYmFyYmF6cXV4==;EndpointSuffix=core', 'Zm9vYmFyYmF6cXV4=='],
  OTLP: ['x-tenant=one,api-key=otlp-canary-1', 'otlp-canary-1'],
  SIGNED: ['https://acc.blob.core/x?sv=2020&sig=abcDEF%2B123', 'abcDEF%2B123'],
  ERRORS: [`https://${hex('e').slice(0, 32)}@o1.ingest.sentry.io/1`, hex('e').slice(0, 32)],
  BILLING: [`sk_live_${'a1'.repeat(12)}`, `sk_live_${'a1'.repeat(12)}`],
  HOOK: [`https://hooks.slack.com/services/T00/B00/${'x1'.repeat(12)}`, 'services/T00'],
  SETTINGS: ['{"user":"me","password":"json-canary-1"}', 'json-canary-1'],
  VALUES: ['db:\n  user: me\n  password: yaml-canary-1\n', 'yaml-canary-1'],
  LOGINS: ['machine h login me password netrc-canary-1', 'netrc-canary-1'],
  FLOW_HOOK_URL: ['https://hooks.example.com/catch/1/abc', 'catch/1'],
  CURL: ['Authorization: Bearer abc123def456', 'abc123def456'],
  PEM: [`-----BEGIN ${'RSA'} PRIVATE KEY-----\\nMIIE\\n-----END ${'RSA'} PRIVATE KEY-----`, 'MIIE'],
  PGP: [
    `-----BEGIN PGP ${'PRIVATE'} KEY BLOCK-----\n\nlQOY\n-----END PGP ${'PRIVATE'} KEY BLOCK-----`,
    'lQOY',
  ],
};

/** Names and values of everyday life. */
const INNOCENT: Record<string, string> = {
  GIT_COMMIT: hex('a').slice(0, 40),
  CI_COMMIT_SHA: hex('b').slice(0, 40),
  GITHUB_SHA: hex('c').slice(0, 40),
  SHA256SUM: hex('d'),
  BUILD_ID: '6f1c3f8e-2d0b-4c34-9c7e-0d4b5f9ad111',
  MACHINE_UUID: '123e4567-e89b-12d3-a456-426614174000',
  PWD: '/home/Me/Projects/app',
  OLDPWD: '/home/Me/Projects',
  HOME: '/home/Me',
  SSH_AUTH_SOCK: '/tmp/ssh-XXXXabCdEf/agent.1234',
  SSH_CONNECTION: '10.0.0.1 50222 10.0.0.2 22',
  SSH_CLIENT: '10.0.0.1 50222 22',
  SSH_TTY: '/dev/pts/3',
  SSH_ASKPASS: '/usr/lib/ssh/x11-ssh-askpass',
  GIT_ASKPASS: '/usr/share/code/askpass.sh',
  MAX_TOKENS: '200000',
  MAX_OUTPUT_TOKENS: '32k',
  TOKENS_PER_MINUTE: 'ten thousand',
  CONTEXT_TOKENS: '8192',
  PAD_TOKEN: '<pad-token>',
  TOKENIZERS_PARALLELISM: 'sometimes-on',
  TOKEN_URL: 'https://login.example.com/oauth/token',
  TOKEN_TTL: '3600s',
  TOKEN_LIFETIME: 'PT15M-and-more',
  PATH: '/usr/local/bin:/usr/bin:/bin',
  LD_LIBRARY_PATH: '/opt/lib:/usr/lib',
  LANG: 'en_GB.UTF-8',
  LC_ALL: 'C.UTF-8',
  TERM: 'xterm-256color',
  COLORTERM: 'truecolor',
  EDITOR: 'vi',
  VISUAL: 'code --wait',
  PAGER: 'less -R',
  LESSOPEN: '| /usr/bin/lesspipe %s',
  LS_COLORS: 'rs=0:di=01;34:ln=01;36:*.tar=01;31:*.key=01;33',
  PS1: '\\[\\e[32m\\]\\u@\\h:\\w\\$ ',
  SHELL: '/bin/bash',
  SHLVL: '2',
  USER: 'me',
  LOGNAME: 'me',
  USERNAME: 'somebody-else',
  HOSTNAME: 'build-agent-0017',
  TZ: 'Europe/Berlin',
  DISPLAY: ':0',
  XAUTHORITY: '/run/user/1000/gdm/Xauthority',
  XDG_RUNTIME_DIR: '/run/user/1000',
  XDG_SESSION_ID: '42',
  XDG_SESSION_TYPE: 'wayland',
  SESSION_MANAGER: 'local/host:@/tmp/.ICE-unix/1234,unix/host:/tmp/.ICE-unix/1234',
  DBUS_SESSION_BUS_ADDRESS: `unix:path=/run/user/1000/bus,guid=${hex('g').slice(0, 32)}`,
  GNOME_KEYRING_CONTROL: '/run/user/1000/keyring',
  GPG_KEY: 'E3FF2839C048B25C084DEBE9B26995E310250568',
  GPG_TTY: '/dev/pts/3',
  GPG_AGENT_INFO: '/run/user/1000/gnupg/S.gpg-agent:0:1',
  NODE_ENV: 'production',
  NODE_OPTIONS: '--max-old-space-size=4096 --enable-source-maps',
  NODE_VERSION: '20.19.5',
  npm_config_registry: 'https://registry.npmjs.org/',
  npm_config_user_agent: 'npm/10.8.2 node/v20.19.5 linux x64 workspaces/false',
  JAVA_HOME: '/usr/lib/jvm/java-21-openjdk-amd64',
  JAVA_TOOL_OPTIONS: '-Xmx2g -Dfile.encoding=UTF-8',
  MAVEN_OPTS: '-Xmx1g -XX:+UseG1GC',
  GOPATH: '/home/Me/go',
  GOFLAGS: '-mod=mod -ldflags=-X=main.version=1.2.3',
  GOPRIVATE: 'github.com/acme/*',
  CARGO_HOME: '/home/Me/.cargo',
  RUSTFLAGS: '-C target-cpu=native',
  CFLAGS: '-O2 -g -fstack-protector-strong',
  VIRTUAL_ENV: '/home/Me/Projects/app/.venv',
  PYTHONPATH: 'src:tests',
  PYTHONHASHSEED: '0',
  PIP_INDEX_URL: 'https://pypi.org/simple',
  DOCKER_HOST: 'unix:///run/user/1000/docker.sock',
  DOCKER_IMAGE: `node:20@sha256:${hex('i')}`,
  KUBECONFIG: '/home/Me/.kube/config',
  AWS_REGION: 'eu-central-1',
  AWS_PROFILE: 'staging',
  AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/deploy',
  AWS_WEB_IDENTITY_TOKEN_FILE: '/var/run/secrets/eks.amazonaws.com/serviceaccount/token',
  AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/6f1c3f8e',
  GOOGLE_APPLICATION_CREDENTIALS: '/secrets/gcp/service-account.json',
  GOOGLE_CLOUD_PROJECT: 'acme-prod-1234',
  VAULT_ADDR: 'https://vault.example.com:8200',
  HTTP_PROXY: 'http://proxy.example.com:3128',
  NO_PROXY: 'localhost,127.0.0.1,.example.com',
  DATABASE_URL: 'postgres://localhost:5432/app_test',
  REDIS_URL: 'redis://cache:6379/0',
  PDO_DSN: 'mysql:host=localhost;dbname=test',
  SQL_CONNECTION_STRING: 'Server=localhost;Database=app;Trusted_Connection=True',
  WEBHOOK_URL: 'http://localhost:3000/webhook',
  WEBHOOK_EVENTS: 'push,pull_request',
  ELASTIC: 'http://localhost:9200/@kbn/x',
  PACKAGE: 'https://unpkg.com/@scope/name@1.2.3/index.js',
  CLONE_URL: 'ssh://git@github.com:22/acme/shop.git',
  REMOTE: 'git@github.com:acme/shop.git',
  DISABLE_PASSWORD: 'true',
  PASSWORD_MIN_LENGTH: 'at least twelve',
  PASSWORD_STORE_DIR: '/home/Me/.password-store',
  PASSWORD_FILE: '/run/secrets/Db_Password',
  SECRETS_BACKEND: 'vault-or-file',
  AUTH_METHOD: 'oidc-and-ldap',
  BASIC_AUTH: 'off',
  AUTHOR: 'Ann Example <ann@example.com>',
  GIT_AUTHOR_NAME: 'Ann Example',
  KEYBOARD: 'qwerty-layout',
  KEYTIMEOUT: '1',
  STARSHIP_SESSION_KEY: '1234567890123456',
  SECRET_SCANNING: 'on-each-push',
  GIT_HOOK: 'pre-commit',
  CACHE_KEY: `linux-node20-${hex('k').slice(0, 16)}`,
  SORT_KEY: 'created_at_descending',
  PRIMARY_KEY: 'customer_id_column',
  SSH_PUBLIC_KEY: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEx4 me@host',
  STRIPE_PUBLISHABLE_KEY: 'pk_test_TYooMQauvdEDq54NiTphI7jx',
  KEY_ID: 'release-signing-2026',
  MONKEY: 'business as usual',
  COMPASS: 'north-by-northwest',
  BYPASS_CACHE: 'sometimes-but-not-now',
  SECRETARY: 'Ann Example',
  PATTERN: 'src/**/*.test.ts',
  RANDOM_WORDS: 'correct horse battery staple',
  BASE64_OF_NOTHING: 'aGVsbG8gd29ybGQsIHRoaXMgaXMgbm90IHNlY3JldA==',
  BUILD_TAG: 'jenkins-Shop-PR-1234-17',
  RUN_ID: '18446744073709551615',
  JOB_TOKEN_PERMISSIONS: 'contents: read',
};

describe('withheld', () => {
  it.each(NAMED)('by its name: %s', (name) => {
    expect(cleanEnvironment({ [name]: VALUE })).toEqual({});
    expect(new Redactor(secretsIn({ [name]: VALUE })).text(`<${VALUE}>`)).toBe(`<[redacted ${name}]>`);
  });

  it.each(Object.entries(SHAPED))('by its value: %s', (name, [value, secret]) => {
    expect(cleanEnvironment({ [name]: value })).toEqual({});
    const said = new Redactor(secretsIn({ [name]: value })).text(`it is ${value}.`);
    expect(said).not.toContain(secret);
    expect(said).toMatch(/^it is .*\[redacted \w+\].*\.$/s);
  });

  it('is nothing of a list of innocent names and values, and none of them is redacted', () => {
    expect(Object.keys(INNOCENT).length).toBeGreaterThanOrEqual(100);
    expect(cleanEnvironment(INNOCENT)).toEqual(INNOCENT);
    expect(secretsIn(INNOCENT)).toEqual([]);
    const text = Object.entries(INNOCENT)
      .map(([name, value]) => `${name}=${value}`)
      .join('\n');
    expect(new Redactor([]).text(text)).toBe(text);
  });

  it('is named, in three kinds; what only looks drawn by chance is not withheld', () => {
    const env: Record<string, string> = {
      GIT_COMMIT: hex('a').slice(0, 40),
      BUILD_ID: '6f1c3f8e-2d0b-4c34-9c7e-0d4b5f9ad111',
      STRIPE_KEY: VALUE,
      DEPLOY_KEY: VALUE,
      TEMPORAL_API_KEY: VALUE,
      OPAQUE: 'x7Kq9Zr2LmN4vB8tQw3Yp6Hs',
    };
    expect(withheldFrom(env)).toEqual({
      secrets: ['DEPLOY_KEY', 'STRIPE_KEY'],
      own: ['TEMPORAL_API_KEY'],
      random: ['OPAQUE'],
    });
    expect(withheldFrom(env, ['STRIPE_KEY']).secrets).toEqual(['DEPLOY_KEY']);
    expect(cleanEnvironment(env, ['STRIPE_KEY'])).toMatchObject({ STRIPE_KEY: VALUE, OPAQUE: env['OPAQUE'] });
  });
});

describe('redacted is a key of several lines', () => {
  const body = randomBytes(1_200).toString('base64');
  const lines = (width: number, text: string) =>
    text.replace(new RegExp(`.{${width}}`, 'g'), '$&\n').trimEnd();
  const key = `-----BEGIN ${'RSA'} PRIVATE KEY-----\n${lines(64, body)}\n-----END ${'RSA'} PRIVATE KEY-----\n`;
  const redactor = new Redactor(secretsIn({ SIGNING_PEM: key, DB_URL: 'postgres://me:p%40ss%2Fword@db/x' }));
  const base64 = Buffer.from(key).toString('base64');

  it.each([
    ['Base 64, wrapped as by base64', lines(76, base64)],
    ['wrapped as by openssl', lines(64, base64)],
    ['wrapped at 40, with carriage returns, indented', lines(40, base64).replaceAll('\n', '\r\n    ')],
    ['wrapped, in JSON', JSON.stringify({ a: lines(76, base64) }).slice(1, -1)],
    ['wrapped, in JSON in JSON', JSON.stringify(JSON.stringify({ a: lines(76, base64) })).slice(1, -1)],
    ['the first lines', lines(76, base64).split('\n').slice(0, 3).join('\n')],
    ['the last lines', lines(76, base64).split('\n').slice(-3).join('\n')],
    ['behind other text', lines(76, Buffer.from(`KEY=${key}`).toString('base64'))],
    ['hexadecimal, as by xxd -p', lines(60, Buffer.from(key).toString('hex'))],
    ['its body, wrapped again', lines(50, body)],
  ])('in %s', (_, text) => {
    // A letter before it might, by chance, be the one that comes before it in the key, and would go with it.
    const redacted = redactor.text(`before:\n${text}\n:after`);
    expect(redacted).toMatch(/^before:\n.*\[redacted SIGNING_PEM\].*\n:after$/s);
    expect(redacted.length).toBeLessThan(122);
    const blanked = redactor.blank(Buffer.from(`{"a":${JSON.stringify(text)}}`));
    expect(JSON.parse(blanked.toString())).toEqual({
      a: expect.stringContaining('[redacted SIGNING_PEM]') as string,
    });
    const stream = redactor.stream();
    const streamed = [
      Buffer.from(':'.repeat(20_000)),
      Buffer.from(`\n${text.slice(0, 99)}`),
      Buffer.from(text.slice(99)),
    ];
    const out = Buffer.concat([...streamed.map((chunk) => stream.take(chunk)), stream.end()]).toString();
    expect(out.slice(20_001)).toBe(redactor.text(`\n${text}`).slice(1));
  });

  it('and a password as it stands in an address, and decoded from it', () => {
    expect(redactor.text('p%40ss%2Fword p@ss/word p%40ss%2fword')).toBe(
      Array(3).fill('[redacted DB_URL]').join(' '),
    );
  });

  it('in time, where there is nothing to find', () => {
    const text = Array.from(
      { length: 20_000 },
      (_, at) => `line ${at}: const value${at} = compute("x".repeat(${at}));\n`,
    ).join('');
    const start = performance.now();
    expect(redactor.text(text)).toBe(text);
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});
