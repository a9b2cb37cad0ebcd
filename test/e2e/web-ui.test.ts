/**
 * The Web UI of `up` without any setting, as its user and a stranger see it: readable in the browser that `subagents open`
 * let in, and nowhere else.
 */
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { execa } from 'execa';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Subagents } from '../../src/client/index.ts';
import { keysCodecJson, openJson, showJson, statusJson } from '../../src/cli/json.ts';
import { ensureTemporalBinary } from '../../src/temporal/binary.ts';
import { environment, MAIN, run, type Surroundings } from '../cli/command.ts';
import { objections } from '../cli/published.ts';
import { launchChromium, WITHOUT_CHROMIUM } from '../support/chromium.ts';
import { eventually, PATIENCE_MS } from '../support/eventually.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { startScriptedModel, type ScriptedModel } from '../support/model.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { bash, on } from '../support/turns.ts';

/** In every task, command and failure. */
const WORD = 'xylophone';
/** `binary/encrypted` as the API of the Web UI has it. */
const ENCRYPTED = Buffer.from('binary/encrypted').toString('base64');

let folder: TemporaryFolder;
let repository: Repository;
let model: ScriptedModel;
let surroundings: Surroundings;
let ui: URL;
beforeAll(async () => {
  folder = await temporaryFolder();
  repository = await temporaryRepository({ 'a.txt': 'a' });
  model = await startScriptedModel([
    on('work on', [bash(`echo ${WORD}; sleep 900`), { text: 'Waited.' }]),
    on('fail', [{ text: 'Done.' }, { text: 'Done.' }, { text: 'Done.' }]),
  ]);
  const home = join(folder.path, 'home');
  const env = { ...model.env, ...NO_GIT_CONFIGURATION, HOME: folder.path };
  surroundings = { home, env, cwd: repository.path };
  await done('up', '--detach');
  await done('spawn', 'fix-login', `work on the ${WORD}`);
  const failing = await run(
    ['spawn', 'failing', `fail the ${WORD}`, '--verify', `echo ${WORD}; exit 7`, '--wait'],
    surroundings,
  );
  expect(failing.exitCode, failing.stderr).toBe(1);
  ui = new URL(statusJson.parse(await json('status')).up!.uiUrl);
});
afterAll(async () => {
  if (surroundings) await run(['down', '--now'], surroundings);
  await model?.stop();
  await repository?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

async function done(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run(args, surroundings);
  expect(exitCode, stderr).toBe(0);
  return stdout;
}
const json = async (...args: string[]): Promise<unknown> => JSON.parse(await done(...args, '--json'));
const link = async (...args: string[]): Promise<string> =>
  openJson.parse(await json('open', '--print', ...args)).url;
const shown = async () => showJson.parse(await json('show', 'fix-login')).subagent;
const steers = async (): Promise<string[]> => (await shown()).steers.map(({ message }) => message);

const API = '/api/v1/namespaces/default/workflows';
const WORKFLOW = `${API}/subagent%2Fdefault%2Ffix-login`;

interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly host?: string;
  readonly port?: number;
}
interface Answered {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}
/** What the Web UI's port answers; a program sends whatever headers it likes. */
async function ask({
  path = `${WORKFLOW}/history`,
  method = 'GET',
  headers,
  body,
  host,
  port,
}: Asked): Promise<Answered> {
  const outgoing = request({ host: host ?? ui.hostname, port: port ?? ui.port, path, method, headers });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [
    Parameters<typeof text>[0] & Omit<Answered, 'body'> & { statusCode?: number },
  ];
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}
/** Uses a link as a program would, and gives its cookie. */
async function enter(url: string): Promise<Answered & { readonly cookie: string }> {
  const { pathname, hash } = new URL(url);
  const answer = await ask({ path: pathname, method: 'POST', body: hash.slice(1) });
  const [set = ''] = (answer.headers['set-cookie'] ?? []) as string[];
  return { ...answer, cookie: set.split(';')[0] ?? '' };
}

describe.skipIf(WITHOUT_CHROMIUM)('a browser', () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  /** What the API answered the browser. */
  const answers: string[] = [];
  beforeAll(async () => {
    browser = await launchChromium();
    context = await browser.newContext({ viewport: { width: 1280, height: 1000 } });
    context.setDefaultTimeout(PATIENCE_MS);
    page = await context.newPage();
    page.on('response', (response) => {
      if (new URL(response.url()).pathname.startsWith(`${API}/`))
        void response.text().then(
          (body) => answers.push(body),
          () => undefined,
        );
    });
  });
  afterAll(() => browser?.close());

  const address = (id: string): string =>
    `${ui.origin}/namespaces/default/workflows/${encodeURIComponent(id)}`;
  const history = () => page.getByRole('heading', { name: 'Event History' });
  /** Opens a page of a workflow, with the links that `list` and `show` print. */
  async function visit(id: string, tab = 'history'): Promise<void> {
    await page.goto(address(id));
    await history().waitFor();
    if (tab !== 'history') await page.goto(page.url().replace(/\/history$/, `/${tab}`));
  }

  /** Waits until a text is on the page, or in a frame of it. */
  const shows = (wanted: string): Promise<unknown> =>
    eventually(async () => {
      const contents = await Promise.all(page.frames().map((frame) => frame.content().catch(() => '')));
      return contents.some((content) => content.includes(wanted));
    });

  it('that was not let in is told how, and has nothing', async () => {
    await page.goto(address('subagent/default/fix-login'));
    await page.getByText('This browser is not let in').waitFor();
    expect(await page.content()).not.toContain(WORD);
    expect(await context.cookies()).toEqual([]);
    expect(answers).toEqual([]);
  });

  it('is let in by the link of `subagents open`, which does not stay in its address', async () => {
    const url = await link('fix-login');
    await page.goto(url);
    await history().waitFor();
    expect(page.url()).toMatch(
      /\/namespaces\/default\/workflows\/subagent%2Fdefault%2Ffix-login\/[^/#]+\/history$/,
    );
    const cookie = (await context.cookies()).find(({ name }) => name === `subagents-${ui.port}`);
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', expires: -1 });
    expect(await page.evaluate('document.cookie')).not.toContain('subagents-');
    // The same link once more, in this browser; and in another one.
    await page.goto(url);
    await history().waitFor();
    const other = await browser.newContext();
    const elsewhere = await other.newPage();
    await elsewhere.goto(url);
    await elsewhere.getByText('This link does not work').waitFor();
    expect(await other.cookies()).toEqual([]);
    // What `subagents open` starts a browser with: a private file that leads to the link.
    await link();
    const links = join(surroundings.home, 'ui', 'links');
    const file = readdirSync(links).find((name) => name.endsWith('.html'))!;
    expect(statSync(join(links, file)).mode & 0o777).toBe(0o600);
    await elsewhere.goto(pathToFileURL(join(links, file)).href);
    await elsewhere.getByRole('columnheader', { name: 'SubagentsStatus' }).waitFor();
    expect(new URL(elsewhere.url()).pathname).toBe('/namespaces/default/workflows');
    expect(readdirSync(links)).toEqual([]);
    await other.close();
  });

  it('shows input, timeline, panel, heartbeat and failures as without a key', async () => {
    await visit('subagent/default/fix-login');
    await page.getByText(`"work on the ${WORD}"`).first().waitFor();
    await page.getByText('turn 1 of fix-login').first().waitFor();
    await visit('subagent/default/fix-login', 'user-metadata');
    // The Web UI shows Markdown in frames.
    await shows('current activity: see the heartbeat');
    await shows(`work on the ${WORD}`);
    // The page does not refresh by itself.
    await eventually(async () => (await shown()).doing.startsWith('bash: echo'));
    await visit('subagent/default/fix-login', 'pending-activities');
    await page.getByText(`"bash: echo ${WORD}; sleep 900"`).first().waitFor();
    await visit('subagent/default/failing');
    await page.getByText(`"failed: \`echo ${WORD}; exit 7\` exited with 7"`).first().waitFor();
    await visit('session/default', 'user-metadata');
    await shows(`echo ${WORD}; exit 7`);
    await page.goto(`${ui.origin}/subagents?namespace=default`);
    await page.getByRole('columnheader', { name: 'SubagentsStatus' }).waitFor();
    expect(answers.length).toBeGreaterThan(10);
    for (const body of answers) expect(body).not.toContain(ENCRYPTED);
  });

  it('sends a signal that arrives', async () => {
    await visit('subagent/default/fix-login');
    await page.getByRole('button', { name: 'More Actions' }).click();
    await page.getByRole('menuitem', { name: 'Send a Signal' }).click();
    await page.getByRole('button', { name: 'Select a signal' }).click();
    await page.getByRole('option', { name: 'steer', exact: true }).click();
    await page
      .locator('.cm-content[contenteditable=true]')
      .locator('visible=true')
      .fill(`"Mind the ${WORD}."`);
    await page.getByRole('button', { name: 'Submit' }).locator('visible=true').click();
    await eventually(async () => (await steers()).includes(`Mind the ${WORD}.`));
  });

  it('gives nothing to a page of another origin', async () => {
    // Another port of the same host: the browser sends the cookie to it, and would send it along from it.
    const target = `${ui.origin}${WORKFLOW}/history`;
    const evil = createServer((_, answer) => {
      answer.writeHead(200, { 'content-type': 'text/html' });
      answer.end(
        `<!doctype html><iframe src="${address('subagent/default/fix-login')}"></iframe><script src="${target}"></script>`,
      );
    });
    evil.listen(0, '127.0.0.1');
    await once(evil, 'listening');
    try {
      const elsewhere = await context.newPage();
      const statuses: number[] = [];
      elsewhere.on('response', (response) => {
        if (response.url().startsWith(ui.origin)) statuses.push(response.status());
      });
      await elsewhere.goto(`http://127.0.0.1:${(evil.address() as AddressInfo).port}/`, {
        waitUntil: 'load',
      });
      const tried = await elsewhere.evaluate(
        async ([url, signal]) => {
          const options: RequestInit[] = [
            { credentials: 'include' },
            { credentials: 'include', mode: 'no-cors' },
            { credentials: 'include', mode: 'no-cors', method: 'POST', body: '{}' },
          ];
          const tries = options.map((option) =>
            fetch(option.method ? signal! : url!, option)
              .then((answer) => answer.text())
              .catch(() => 'refused'),
          );
          return await Promise.all(tries);
        },
        [target, `${ui.origin}${WORKFLOW}/signal/steer`],
      );
      expect(tried).toEqual(['refused', '', '']);
      expect(statuses.length).toBeGreaterThan(3);
      expect(new Set(statuses)).toEqual(new Set([403]));
      for (const frame of elsewhere.frames()) expect(await frame.content()).not.toContain(WORD);
      await elsewhere.close();
    } finally {
      evil.close();
    }
  });
});

describe('a program with the cookie', () => {
  let cookie: string;
  beforeAll(async () => {
    ({ cookie } = await enter(await link()));
  });

  it('gets what is readable, whole and not compressed', async () => {
    const { status, headers, body } = await ask({ headers: { cookie, 'accept-encoding': 'gzip, br' } });
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-length': String(Buffer.byteLength(body)),
      'cache-control': 'no-store',
    });
    expect(headers['content-encoding']).toBeUndefined();
    expect(body).not.toContain(ENCRYPTED);
    expect(body).toContain(Buffer.from(`work on the ${WORD}`).toString('base64').slice(4, 12));
  });

  it.each([
    ['no cookie', {}],
    ['another cookie', { cookie: 'subagents=x; a=b' }],
    ['a host name that leads here', { host: 'evil.example' }],
    ['another page', { origin: 'http://evil.example' }],
    ['another port', { origin: 'http://127.0.0.1:1' }],
    ['a page of the same site', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }],
    ['a frame', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }],
  ])('gets nothing with %s', async (what, headers) => {
    const more = what.endsWith('cookie') ? headers : { cookie, ...headers };
    for (const path of [`${WORKFLOW}/history`, '/', '/subagents', '/api/v1/namespaces']) {
      const { status, body } = await ask({ path, headers: more });
      expect(status).toBe(403);
      expect(body).not.toMatch(/payloads|namespaces"|<script/);
    }
  });

  it('is not let in twice by a link, and not by one that is old or was made up', async () => {
    const url = await link();
    const first = await enter(url);
    expect(first.status).toBe(204);
    expect(first.headers['set-cookie']).toEqual([
      expect.stringMatching(/; Path=\/; HttpOnly; SameSite=Strict$/),
    ]);
    expect(await enter(url)).toMatchObject({ status: 403, cookie: '' });
    const old = await link();
    const links = join(surroundings.home, 'ui', 'links');
    const minutesAgo = Date.now() / 1_000 - 121;
    for (const name of readdirSync(links)) utimesSync(join(links, name), minutesAgo, minutesAgo);
    expect(await enter(old)).toMatchObject({ status: 403, cookie: '' });
    expect(await enter(`${ui.origin}/subagents/enter#../../keys.json`)).toMatchObject({ status: 403 });
    expect(await enter(`${ui.origin}/subagents/enter#${'x'.repeat(300)}`)).toMatchObject({ status: 413 });
    for (const name of ['', 'links', 'codec-token'])
      if (existsSync(join(links, '..', name))) expect(statSync(join(links, '..', name)).mode & 0o077).toBe(0);
    // Neither the links nor their pages stay.
    await link();
    expect(readdirSync(links).length).toBe(2);
  });

  it('cannot send to several workflows at once, nor what is no JSON', async () => {
    const page = await ask({ path: '/', headers: { cookie } });
    const csrf = /_csrf=([^;]+)/.exec((page.headers['set-cookie'] as string[]).join())?.[1] ?? '';
    const headers = { cookie: `${cookie}; _csrf=${csrf}`, 'x-csrf-token': csrf, origin: ui.origin };
    const payload = {
      metadata: { encoding: Buffer.from('json/plain').toString('base64') },
      data: 'IngiCg==',
    };
    const batch = {
      signalOperation: { signal: 'steer', input: { payloads: [payload] } },
      visibilityQuery: '',
    };
    const path = '/api/v1/namespaces/default/batch-operations/x';
    expect(await ask({ path, method: 'POST', headers, body: JSON.stringify(batch) })).toMatchObject({
      status: 400,
      body: expect.stringContaining('one workflow at a time') as string,
    });
    expect(await ask({ path, method: 'POST', headers, body: '{' })).toMatchObject({ status: 400 });
  });
});

it('no word of a task or a failure is in the database or a log of a home without any setting, and a program reads them', async () => {
  await using subagents = await Subagents.connect({ home: surroundings.home, env: {} });
  const { task, outcome } = await subagents.session().subagent('failing').describe();
  expect([task, JSON.stringify(outcome)].filter((words) => words?.includes(WORD)).length).toBe(2);
  const files = ['temporal', 'logs'].flatMap((name) =>
    readdirSync(join(surroundings.home, name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1')),
  );
  // What is not encrypted is found, so the word would be.
  expect(files.some((content) => content.includes('subagent/default/fix-login'))).toBe(true);
  for (const content of files) expect(content).not.toContain(WORD);
});

it('the port of the Web UI itself has no key', async () => {
  const { stdout } = await execa('pgrep', [
    '-f',
    '-P',
    String(statusJson.parse(await json('status')).up!.pid),
    'server start-dev',
  ]);
  const args = readFileSync(`/proc/${stdout.trim()}/cmdline`, 'utf8').split('\0');
  const argument = (name: string): string => args[args.indexOf(name) + 1] ?? '';
  const hidden = { host: argument('--ui-ip'), port: Number(argument('--ui-port')) };
  const { status, body } = await ask(hidden);
  expect(status).toBe(200);
  expect(body).toContain(ENCRYPTED);
  const texts = [...body.matchAll(/"data":\s*"([^"]*)"/g)].map(([, data]) =>
    Buffer.from(data ?? '', 'base64').toString(),
  );
  expect(texts.length).toBeGreaterThan(3);
  for (const each of texts) expect(each).not.toContain(WORD);
  for (const secret of await Promise.all([codecAuthorization(), link()]))
    expect((await ask({ ...hidden, path: '/api/v1/settings' })).body).not.toContain(secret);
});

const codecAuthorization = async (): Promise<string> =>
  keysCodecJson.parse(await json('keys', 'codec')).authorization;

describe("Temporal's command line", () => {
  /** Runs lines of a page in a shell where `subagents` and `temporal` are on PATH. */
  async function shell(lines: string) {
    const bin = join(folder.path, 'bin');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, 'subagents'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`, {
      mode: 0o755,
    });
    const { path } = await ensureTemporalBinary({ onProgress: () => undefined });
    const env = environment(surroundings);
    const { address } = statusJson.parse(await json('status')).up!;
    return await execa('sh', ['-euc', lines], {
      cwd: repository.path,
      env: { ...env, PATH: [bin, dirname(path), env['PATH']].join(':'), TEMPORAL_SERVER: address },
      extendEnv: false,
      reject: false,
    });
  }
  /** The block of docs/keys.md with the signal. */
  const block = (): string => {
    const page = readFileSync(fileURLToPath(new URL('../../docs/keys.md', import.meta.url)), 'utf8');
    const [, found = ''] = /```sh\n([^`]*temporal workflow signal[^`]*)```/.exec(page) ?? [];
    return found.replaceAll(/^ *temporal /gm, 'temporal --address "$TEMPORAL_SERVER" ');
  };

  it('steers with the lines of docs/keys.md', async () => {
    const { exitCode, stderr } = await shell(block());
    expect(exitCode, stderr).toBe(0);
    await eventually(async () => (await steers()).includes('Leave the session cookie alone.'));
    expect((await shown()).notes.join()).not.toContain('could not be read');
  });

  it('reads with the endpoint alone, and sends neither without the authorization nor without a workflow', async () => {
    const show =
      'temporal --address "$TEMPORAL_SERVER" workflow describe -w subagent/default/fix-login --codec-endpoint "$(subagents keys codec)"';
    const auth = 'export TEMPORAL_CODEC_AUTH="$(subagents keys codec --auth)"';
    const readable = await shell(`${auth}\n${show}`);
    expect(readable.stdout, readable.stderr).toContain(`echo ${WORD}; sleep 900`);
    const signal = `temporal --address "$TEMPORAL_SERVER" workflow signal -w subagent/default/fix-login --name steer --input '"x"' --codec-endpoint`;
    const refused = await shell(`${signal} "$(subagents keys codec fix-login)"`);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('the authorization is missing or wrong');
    const named = await shell(`${auth}\n${signal} "$(subagents keys codec)"`);
    expect(named.exitCode).toBe(1);
    expect(named.stderr).toContain('a message is encrypted for one workflow');
    expect(await steers()).not.toContain('x');
  });

  it('has an endpoint that takes no other authorization, and its command a published schema', async () => {
    const published = await done('keys', 'codec', 'fix-login', '--json');
    expect(objections('keys-codec', published)).toEqual([]);
    const { endpoint } = keysCodecJson.parse(JSON.parse(published));
    expect(endpoint).toBe(`${ui.origin}/codec/subagent/default/fix-login`);
    const { cookie } = await enter(await link());
    const path = `${new URL(endpoint).pathname}/encode`;
    for (const headers of [{}, { cookie }, { authorization: 'Bearer ' }, { authorization: 'Bearer x' }])
      expect(await ask({ path, method: 'POST', headers, body: '{"payloads":[]}' })).toMatchObject({
        status: 401,
      });
    const authorization = await codecAuthorization();
    expect(
      await ask({ path, method: 'POST', headers: { authorization }, body: '{"payloads":[]}' }),
    ).toMatchObject({
      status: 200,
      body: '{"payloads":[]}',
    });
    expect(
      await ask({ path, method: 'POST', headers: { authorization, host: 'evil.example' }, body: '{}' }),
    ).toMatchObject({ status: 403 });
  });
});

it('says which key is missing, in the place of what it encrypted', async () => {
  const { cookie } = await enter(await link());
  const before = await ask({ path: `${API}/subagent%2Fdefault%2Ffailing/history`, headers: { cookie } });
  expect(before.body).not.toContain(ENCRYPTED);
  await done('keys', 'rotate');
  const { keys } = (await json('keys')) as { keys: { id: string; use: string }[] };
  const old = keys.find(({ use }) => use === 'decrypts')!.id;
  await done('keys', 'remove', old, '--force');
  await eventually(async () => {
    const { body } = await ask({ path: `${API}/subagent%2Fdefault%2Ffailing/history`, headers: { cookie } });
    const note = `"[KEY_MISSING: its key ${old} is not in ${join(surroundings.home, 'keys.json')}]"`;
    return body.includes(Buffer.from(note).toString('base64'));
  });
});
