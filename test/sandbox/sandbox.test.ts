/** A sandboxed subagent from spawn to merge, and what it cannot be combined with. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import type { Outcome, SpawnSpec, Subagents } from '../../src/client/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { it } from '../support/sandbox.ts';
import { bash, on } from '../support/turns.ts';

let fleet: Fleet;
let subagents: Subagents;
/** A server on this machine, its address, and the paths that it was asked for. */
let server: Server;
let reached = '';
const asked: string[] = [];

beforeAll(async () => {
  server = createServer(({ url = '' }, response) => {
    asked.push(url);
    response.end(`answer to ${url}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  reached = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  fleet = await startFleet([
    on('commit in the sandbox', [
      bash(
        'pwd; ls -d /run/subagents-sandbox && echo 1 > made.txt && git add . && git commit -qm "Make it" && git log --format=%ae -1',
      ),
      bash('echo 2 > left.txt'),
      { text: 'Made.' },
      bash('cat made.txt left.txt && echo 3 > third.txt'),
      { text: 'Went on.' },
    ]),
    on('ask first', [
      bash('ls -d /run/subagents-sandbox >where.txt; echo now >/tmp/published; cp /tmp/published made.txt'),
      bash('cat /tmp/published >>made.txt; rm -f where.txt; git add . && git commit -qm Published'),
      { text: 'Published.' },
    ]),
    on('leave the sandbox', [
      bash('echo x > /etc/made; echo kept > kept.txt; echo y > /dev/shm/lost'),
      bash('touch /usr/made; touch /usr/made'),
      bash(
        '(python3 -m http.server 8123 >/dev/null 2>&1 &); until curl -sf http://127.0.0.1:8123/ >/dev/null; do sleep 0.1; done; echo up > up.txt',
      ),
      bash('curl -s --max-time 2 http://127.0.0.1:8123/ >/dev/null && echo up > still-up.txt'),
      { text: 'Tried.' },
    ]),
    {
      when: ({ userMessages }) => userMessages[0]?.includes('use the network') ?? false,
      steps: ({ answers }) =>
        [
          bash(
            [
              // A loopback address is the command's own unless the proxy is asked for it.
              `curl -s --noproxy '' ${reached}/turn > turn.txt`,
              // The server itself, past the proxy, and another port of this machine through it.
              `curl -s --noproxy '*' ${reached}/past && echo escaped > escaped.txt`,
              `curl -s --noproxy '' -o /dev/null -w '%{http_code}' http://${fleet.server.address}/ > refused.txt`,
              'rm -f /run/subagents-network/proxy; touch /run/subagents-network/x && echo escaped > escaped.txt',
              'git add . && git commit -qm Net',
            ].join('; '),
          ),
          { text: 'Done.' },
        ][answers] ?? { text: 'Done.' },
    },
  ]);
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
  server?.closeAllConnections();
  server?.close();
});

const spawn = (spec: SpawnSpec) => subagents.session('default').spawn(spec, { cwd: fleet.repository.path });
const result = (label: string): Promise<Outcome> => subagents.session('default').subagent(label).result();

it('works in a clone of its own; its branch is in the repository, verified, and is merged and cleaned', async () => {
  await spawn({
    label: 'walled',
    task: 'commit in the sandbox',
    sandbox: true,
    setup: ['test -d /run/subagents-sandbox && mkdir -p "$HOME/cache" && touch "$HOME/cache/x" /tmp/y'],
    verify: [
      'test -d /run/subagents-sandbox && test -f made.txt -a -f left.txt -a -f "$HOME/cache/x" -a -f /tmp/y',
    ],
  });
  const outcome = await result('walled');
  expect(outcome.failure).toBeUndefined();
  expect(outcome.status).toBe('done');
  expect(outcome.evidence?.filesChanged).toEqual(['left.txt', 'made.txt']);
  const { git } = fleet.repository;
  expect(await git('rev-parse', 'subagents/walled')).toBe(outcome.evidence?.head);
  expect(await git('worktree', 'list')).not.toContain('walled');
  const { workspace } = { workspace: outcome.evidence?.cwd ?? '' };
  expect(readFileSync(join(workspace, '.git'), 'utf8')).toContain('/sandboxes/');
  const walled = subagents.session('default').subagent('walled');
  expect((await walled.diff()).text).toContain('+++ b/made.txt');

  await walled.continue('go on');
  expect((await result('walled')).evidence?.filesChanged).toContain('third.txt');

  expect((await walled.merge()).how).toBe('fast-forward');
  expect(existsSync(join(fleet.repository.path, 'third.txt'))).toBe(true);
  const { runs } = await subagents.session('default').clean();
  expect(runs.flatMap(({ kept }) => kept)).toEqual([]);
  expect(await git('for-each-ref', 'refs/heads/subagents', 'refs/subagents')).toBe('');
  expect(readdirSync(join(fleet.home, 'sandboxes', 'default'))).toEqual([]);
});

it('reaches what its network names, in turns, set-up and verification, and nothing else; what was refused is counted', async () => {
  await spawn({
    label: 'online',
    task: 'use the network',
    sandbox: true,
    network: reached.slice('http://'.length),
    setup: [`curl -sf --noproxy '' ${reached}/set-up`],
    verify: [`curl -sf --noproxy '' ${reached}/verify && ! curl -sf --noproxy '*' ${reached}/past`],
  });
  const outcome = await result('online');
  expect(outcome.status).toBe('done');
  expect(asked).toEqual(['/set-up', '/turn', '/verify']);
  const { cwd = '', filesChanged } = outcome.evidence ?? {};
  expect(filesChanged).toEqual(['refused.txt', 'turn.txt']);
  expect(readFileSync(join(cwd, 'turn.txt'), 'utf8')).toBe('answer to /turn');
  expect(readFileSync(join(cwd, 'refused.txt'), 'utf8')).toBe('403');
  expect(outcome.denials).toEqual([
    { tool: 'network', what: fleet.server.address, count: 1 },
    { tool: 'files', what: '/run/subagents-network/proxy', count: 1 },
    { tool: 'files', what: '/run/subagents-network/x', count: 1 },
  ]);

  await fleet.worker.kill();
  await fleet.startWorker();
  await subagents.session('default').subagent('online').continue('go on, use the network');
  expect((await result('online')).status).toBe('done');
  expect(asked.slice(3)).toEqual(['/verify']);
});

it('waits for an approval, across a crash, and makes the call behind its walls', async () => {
  const asks = await spawn({
    label: 'asks',
    task: 'ask first',
    sandbox: true,
    policy: { ask: ['path:write **/published'] },
  });
  await eventually(async () => (await asks.describe()).approvals.length === 1);
  await fleet.worker.kill();
  await fleet.startWorker();
  await asks.approve();
  const outcome = await asks.result();
  expect(outcome).toMatchObject({ status: 'done', approvals: [{ decision: 'approved' }] });
  expect(readFileSync(join(outcome.evidence?.cwd ?? '', 'made.txt'), 'utf8')).toBe('now\nnow\n');
  expect(existsSync('/tmp/published')).toBe(false);
});

it('is told once of paths that it is refused, and of files that are gone; a server is gone for the next command', async () => {
  await spawn({ label: 'leaves', task: 'leave the sandbox', sandbox: true });
  const outcome = await result('leaves');
  expect(outcome.evidence?.filesChanged).toEqual(['kept.txt', 'up.txt']);
  expect(outcome.denials).toEqual([
    { tool: 'files', what: '/etc/made', count: 1 },
    { tool: 'files', what: '/dev/shm/lost', count: 1 },
    { tool: 'files', what: '/usr/made', count: 2 },
  ]);
  expect(outcome.notes).toContain('4 tool calls were denied by its sandbox');
  const said = fleet.model.requests
    .map(({ conversation }) => conversation?.text ?? '')
    .filter((text) => text.includes('leave the sandbox'))
    .at(-1);
  expect(
    said?.match(/outside this sandbox: \/etc\/made, \/dev\/shm\/lost\. Only the worktree/g),
  ).toHaveLength(1);
  expect(said?.match(/outside this sandbox: /g)).toHaveLength(1);
  expect(existsSync('/etc/made') || existsSync('/usr/made')).toBe(false);
});

it('cannot be continued once its folder was cleaned, and says from where to spawn it', async () => {
  const leaves = subagents.session('default').subagent('leaves');
  await leaves.clean();
  const refused = await leaves.continue('go on').then(
    async () => (await leaves.result()).failure,
    (error: unknown) => error,
  );
  expect(refused).toMatchObject({
    message: expect.stringContaining('the folder of leaves@1 was cleaned, and its sandbox with it') as string,
    remedy: expect.stringContaining('--base subagents/leaves') as string,
  });
});

it('has no network where none is asked for, and none without a sandbox', async () => {
  await expect(
    spawn({ label: 'refused', task: 'commit in the sandbox', network: 'all' }),
  ).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringContaining('network is only for a sandbox') as string,
  });
});

it.each<readonly [string, Partial<SpawnSpec>, string]>([
  ['in place', { isolation: 'in-place' }, 'a sandbox and in-place do not go together'],
  ['a repository’s own programs', { trustRepo: true }, 'a sandbox and trustRepo do not go together'],
  ['read-only', { permissions: 'read-only' }, 'a sandbox and read-only do not go together'],
  ['secrets', { env: ['DATABASE_URL'] }, 'a sandbox and env do not go together'],
])('is refused beside %s', async (_, more, message) => {
  await expect(
    spawn({ label: 'refused', task: 'commit in the sandbox', sandbox: true, ...more }),
  ).rejects.toMatchObject({ code: 'BAD_INPUT', message: expect.stringContaining(message) as string });
});
