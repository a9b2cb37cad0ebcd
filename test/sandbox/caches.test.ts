/** Package caches of sandboxes: shared by the subagents of one repository, and by no others. */
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { openHome } from '../../src/home/home.ts';
import { recordRun } from '../../src/home/run-record.ts';
import { cachesFor, unusedCaches } from '../../src/home/sandbox-caches.ts';
import { defaultBounds } from '../../src/home/settings.ts';
import { putWallsAround } from '../../src/sandbox/place.ts';
import { behindWalls, type Walls } from '../../src/sandbox/walls.ts';
import { applyRetention } from '../../src/worker/upkeep/retention.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { temporaryRepository } from '../support/repository.ts';
import { it } from '../support/sandbox.ts';
import { on } from '../support/turns.ts';

const PACKAGE = JSON.stringify({ name: 'app', version: '1.0.0', dependencies: { tiny: '1.0.0' } });

let folder: TemporaryFolder;
let registry: Server;
let url: string;
let requests = 0;
beforeAll(async () => {
  folder = await temporaryFolder();
  const source = join(folder.path, 'tiny');
  mkdirSync(source);
  writeFileSync(join(source, 'package.json'), JSON.stringify({ name: 'tiny', version: '1.0.0' }));
  const { stdout } = await execa('npm', ['pack', '--json', '--pack-destination', folder.path], {
    cwd: source,
  });
  const [packed] = JSON.parse(stdout) as [{ filename: string; integrity: string }];
  const tarball = await readFile(join(folder.path, packed.filename));
  registry = createServer((request, response) => {
    requests++;
    response.setHeader('cache-control', 'public, max-age=3600');
    if (request.url?.endsWith('.tgz')) return response.end(tarball);
    const dist = { tarball: `${url}/tiny.tgz`, integrity: packed.integrity };
    const versions = { '1.0.0': { name: 'tiny', version: '1.0.0', dist } };
    response.setHeader('content-type', 'application/json');
    return response.end(JSON.stringify({ name: 'tiny', 'dist-tags': { latest: '1.0.0' }, versions }));
  });
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`;
});
afterAll(async () => {
  registry?.close();
  await folder?.[Symbol.asyncDispose]();
});

describe('a sandbox', () => {
  let nth = 0;
  /** Runs a script behind walls with these caches, in a folder with a `package.json`. */
  const run = async (caches: string | undefined, script: string) => {
    const at = join(folder.path, `box${nth++}`);
    const [work, home, temporary, running] = ['work', 'home', 'tmp', 'running'].map((name) =>
      join(at, name),
    ) as [string, string, string, string];
    for (const each of [work, home, temporary, running]) mkdirSync(each, { recursive: true });
    writeFileSync(join(work, 'package.json'), PACKAGE);
    const walls: Walls = {
      ...{ writable: [work], readable: [], home, temporary, ...(caches && { caches }) },
      bounds: { ...defaultBounds(), running, sandbox: at, folders: [work] },
    };
    const { file, args } = behindWalls(walls, { file: 'bash', args: ['-c', script], cwd: work });
    return execa(file, args, { reject: false, all: true });
  };
  const install = () => `npm install --no-audit --registry ${url} --offline 2>&1 && ls node_modules`;

  it('has none unless it is told', async () => {
    const { all, exitCode } = await run(undefined, install());
    expect(exitCode).not.toBe(0);
    expect(all).toContain('ENOTCACHED');
  });

  it('finds what another one of its repository has left, whatever program it is of', async () => {
    const own = join(folder.path, 'own');
    mkdirSync(own);
    const variables = ['npm_config_cache', 'GOMODCACHE', 'CARGO_HOME', 'GRADLE_USER_HOME', 'XDG_CACHE_HOME'];
    const each = (what: string) => variables.map((name) => what.replaceAll('NAME', name)).join('; ');
    expect((await run(own, each('mkdir -p $NAME && echo NAME >$NAME/kept'))).exitCode).toBe(0);
    expect((await run(own, each('cat $NAME/kept'))).all.split('\n')).toEqual(variables);
    expect((await run(own, 'echo $MAVEN_ARGS')).all).toBe('-Dmaven.repo.local=/caches/maven');
  });
});

describe('a worker with SUBAGENTS_SANDBOX_CACHES=own', () => {
  const settings = (setUp: string) => JSON.stringify({ setup: [setUp] });
  const files = {
    'package.json': PACKAGE,
    // npm goes past the proxy to loopback, which inside is another one.
    '.subagents.json': settings(
      'env -u NO_PROXY -u no_proxy npm install --fetch-retries=0 --no-audit --prefer-offline --registry $(cat registry)',
    ),
  };
  let fleet: Fleet;
  let subagents: Subagents;
  beforeAll(async () => {
    fleet = await startFleet([on('look', [{ text: 'Looked.' }])], {
      files: { ...files, registry: url },
      env: { SUBAGENTS_SANDBOX_CACHES: 'own' },
    });
    subagents = await fleet.connect();
  });
  afterAll(async () => {
    await subagents?.close();
    await fleet?.[Symbol.asyncDispose]();
  });

  it('gives the subagents of a repository one set, and those of another one another', async () => {
    const spawn = async (label: string, network: string, repo = fleet.repository.path) => {
      const handle = await subagents
        .session('cached')
        .spawn({ label, task: 'look', sandbox: true, network, repo });
      return handle.result();
    };
    expect(await spawn('first', new URL(url).host)).toMatchObject({ status: 'done' });
    const before = requests;
    expect(await spawn('second', 'none')).toMatchObject({ status: 'done' });
    expect(requests).toBe(before);
    await using other = await temporaryRepository({ ...files, registry: url });
    expect(await spawn('other', 'none', other.path)).toMatchObject({ status: 'failed' });
    expect(readdirSync(join(fleet.home, 'caches'))).toHaveLength(2);
  });
});

describe('retention', () => {
  it('removes caches that no sandbox has, when they are old, and no others', async () => {
    const home = await openHome(join(folder.path, 'home'));
    const made = await Promise.all([temporaryRepository(), temporaryRepository(), temporaryRepository()]);
    const [old, recent, used] = made.map(({ path }) => {
      return cachesFor(home.paths.caches, path, 'own');
    }) as [string, string, string];
    const longAgo = new Date('2020-01-01');
    for (const path of [old, used]) utimesSync(path, longAgo, longAgo);
    const cwd = join(folder.path, 'worktree');
    const at = { home: folder.path, temporary: folder.path, writable: [], readable: [] };
    putWallsAround(cwd, {
      ...{ ...at, caches: used },
      bounds: { ...defaultBounds(), running: '/', sandbox: '/', folders: [] },
    });
    const ids = { session: 's', label: 'l', run: 1, workflowId: 'w', runId: 'r', copilotSessionId: 'c' };
    recordRun(home, { subagent: ids, isolation: 'worktree', repository: used, cwd, branch: null, base: 'b' });
    expect(unusedCaches(home).sort()).toEqual([old, recent].sort());
    const log: string[] = [];
    await applyRetention({
      clean: { home, runState: () => Promise.resolve('open') } as never,
      settings: { keepMs: 24 * 3_600_000, keepBytes: Infinity },
      log: (line) => log.push(line),
    });
    expect(log).toEqual([`retention (age): removed the package caches ${old}`]);
    expect(readdirSync(home.paths.caches).length).toBe(2);
    for (const each of made) await each[Symbol.asyncDispose]();
  });
});
