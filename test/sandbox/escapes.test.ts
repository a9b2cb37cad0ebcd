/** Attempts to get out of a sandbox, each looked at from outside: nothing there is changed, read or reached. */
import { spawn as start, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect } from 'vitest';
import type { Outcome, Subagents } from '../../src/client/index.ts';
import { findCopilot } from '../../src/copilot/runtime/executable.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { it } from '../support/sandbox.ts';
import { bash, on } from '../support/turns.ts';
import { attempts, type Outside } from './escapes.ts';

const CANARY = `CANARY-${createHash('sha256').update(String(process.pid)).digest('hex').slice(0, 12)}`;
/** Names alone, to declare the tests before the paths are known. */
const NAMES = Object.keys(
  attempts({
    ...{ home: '', repository: '', workerHome: '', neighbour: '', temporary: '', socket: '', abstract: '' },
    ...{ workerPid: 0, victimPid: 0, port: 0, udpPort: 0, temporal: 'x:0', copilot: '' },
  }),
);

let fleet: Fleet;
let subagents: Subagents;
let outside: Outside;
let victim: ChildProcess;
let connections = 0;
const servers: (Server | Socket)[] = [];
let temporary: string;
let outcome: Outcome;
let before: ReadonlyMap<string, string>;
let after: ReadonlyMap<string, string>;
let output: Readonly<Record<string, string>>;

const count = (): void => void connections++;

/** Everything below `folders`: what each file holds, and where each link leads. */
function contents(folders: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  const look = (path: string): void => {
    const stat = lstatSync(path);
    if (stat.isDirectory()) for (const name of readdirSync(path)) look(join(path, name));
    else if (stat.isSymbolicLink()) found.set(path, readlinkSync(path));
    else if (stat.isFile()) found.set(path, createHash('sha256').update(readFileSync(path)).digest('hex'));
  };
  folders.filter((folder) => existsSync(folder)).forEach(look);
  return found;
}

async function listen(server: Server, at: number | string): Promise<void> {
  server.on('connection', count);
  servers.push(server);
  await new Promise<void>((resolve) => {
    if (typeof at === 'number') server.listen(at, '127.0.0.1', resolve);
    else server.listen(at, resolve);
  });
}

/** What a collection adds to the repository: its objects, and the branch of the subagent. */
const OURS = /\/\.git\/(objects\/[0-9a-f]{2}\/|objects\/pack\/pack-|(logs\/)?refs\/(heads\/)?subagents\/)/;

/** What must stay as it is. */
const guarded = (): Map<string, string> => {
  const home = dirname(fleet.home);
  const all = contents([
    join(home, '.ssh'),
    join(home, '.bashrc'),
    join(home, 'secrets'),
    outside.repository,
    outside.neighbour,
    temporary,
  ]);
  return all;
};

beforeAll(async () => {
  fleet = await startFleet([
    on('neighbour', [bash('echo of a neighbour > made.txt'), { text: 'Made.' }]),
    on('escape', [
      bash(
        'mkdir out; for f in $(grep -L "kill -KILL -1" attempts/*); do timeout 20 bash $f > out/${f##*/}.txt 2>&1; done',
      ),
      // Ends its own command, too.
      bash('f=$(grep -l "kill -KILL -1" attempts/*); bash $f > out/${f##*/}.txt 2>&1'),
      bash('ls out | wc -l'),
      { text: 'Tried.' },
    ]),
  ]);
  subagents = await fleet.connect();
  const home = dirname(fleet.home);
  temporary = mkdtempSync(join(tmpdir(), 'subagents-other-'));
  writeFileSync(join(temporary, 'secret'), CANARY);
  mkdirSync(join(home, '.ssh'));
  writeFileSync(join(home, '.ssh', 'id_rsa'), CANARY);
  writeFileSync(join(home, '.bashrc'), '# mine\n');
  mkdirSync(join(home, 'secrets'));
  writeFileSync(join(home, 'secrets', 'secret'), CANARY);
  const secrets = { cwd: join(home, 'secrets') };
  await execa('git', ['init', '-q'], secrets);
  await execa('git', ['add', '.'], secrets);
  await execa('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-qm', 'x'], secrets);

  const session = subagents.session('default');
  await session.spawn(
    { label: 'neighbour', task: 'neighbour', sandbox: true },
    { cwd: fleet.repository.path },
  );
  const neighbour = await session.subagent('neighbour').result();
  expect(neighbour.status).toBe('done');

  victim = start('sleep', ['3456'], { env: { ...process.env, SECRET: CANARY } });
  const tcp = createServer();
  await listen(tcp, 0);
  const path = join(temporary, 'socket');
  await listen(createServer(), path);
  const abstract = `subagents-${process.pid}`;
  await listen(createServer(), `\0${abstract}`);
  const udp = createSocket('udp4').on('message', count);
  servers.push(udp);
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));

  outside = {
    ...{ home, repository: fleet.repository.path, workerHome: fleet.home, temporary, abstract, socket: path },
    neighbour: neighbour.evidence?.cwd ?? '',
    workerPid: fleet.worker.pid,
    victimPid: victim.pid ?? 0,
    port: (tcp.address() as AddressInfo).port,
    udpPort: udp.address().port,
    temporal: fleet.server.address,
    copilot: await findCopilot(undefined),
  };
  const scripts = Object.entries(attempts(outside)).map(
    ([, script], index) => [`attempts/${String(index).padStart(2, '0')}.sh`, `${script}\n`] as const,
  );
  await fleet.repository.commit('Attempts', Object.fromEntries(scripts));
  before = guarded();
  await session.spawn({ label: 'escape', task: 'escape', sandbox: true }, { cwd: fleet.repository.path });
  outcome = await session.subagent('escape').result();
  after = guarded();
  const folder = join(outcome.evidence?.cwd ?? '', 'out');
  output = Object.fromEntries(
    NAMES.map((name, index) => [
      name,
      readFileSync(join(folder, `${String(index).padStart(2, '0')}.sh.txt`), 'utf8'),
    ]),
  );
});
afterAll(async () => {
  victim?.kill('SIGKILL');
  for (const server of servers) server.close();
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
  rmSync(temporary, { recursive: true, force: true });
});

it.each(NAMES)('%s: no', (name) => {
  expect(output[name]).toBeDefined();
  expect(output[name]).not.toContain('ESCAPED');
  expect(output[name]).not.toContain(CANARY);
});

it('every attempt was made, and the subagent ended as usual', () => {
  expect(outcome.status).toBe('done');
  expect(NAMES.length).toBeGreaterThanOrEqual(60);
  expect(output['signals everybody']).toContain('tried');
});

it('outside, no byte is changed and nothing is added', () => {
  expect([...before].filter(([path, hash]) => after.get(path) !== hash)).toEqual([]);
  expect([...after.keys()].filter((path) => !before.has(path) && !OURS.test(path))).toEqual([]);
  expect([...after.keys()].filter((path) => /escaped|evil|planted/.test(path))).toEqual([]);
  for (const path of ['made', '.copilot']) expect(existsSync(join(outside.home, path))).toBe(false);
});

it('neighbours are unharmed, and nothing was reached', () => {
  expect(() => process.kill(outside.workerPid, 0)).not.toThrow();
  expect(victim.exitCode ?? victim.signalCode).toBeNull();
  expect(connections).toBe(0);
});

it('nothing that it started lives on', async () => {
  const { stdout } = await execa('ps', ['-e', '-o', 'args']);
  expect(stdout.split('\n').filter((line) => line.includes('sleep 7654'))).toEqual([]);
  expect(outcome.sweep?.left ?? []).toEqual([]);
});

it('no secret is in its commits, its report or its transcript', async () => {
  const { git } = fleet.repository;
  const { stdout, exitCode } = await execa('git', ['grep', '-a', CANARY, 'subagents/escape'], {
    cwd: fleet.repository.path,
    reject: false,
  });
  expect([exitCode, stdout]).toEqual([1, '']);
  expect(await git('log', '--format=%H', '-1', 'subagents/escape')).toBe(outcome.evidence?.head);
  expect(JSON.stringify(outcome)).not.toContain(CANARY);
  const said = fleet.model.requests
    .filter(({ conversation }) => conversation?.userMessages[0]?.includes('escape'))
    .map(({ conversation }) => conversation?.text);
  expect(said.join('\n')).not.toContain(CANARY);
});
