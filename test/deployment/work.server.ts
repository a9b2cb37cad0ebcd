/** Subagents on the production server: what docker-compose.yml starts, without the containers. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tsToMs } from '@temporalio/common/lib/time.js';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { SEARCH_ATTRIBUTES } from '../../src/contract/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';
import { inItsShell, processesWith } from '../support/world.ts';
import { postgresPrograms, startPostgres, type Postgres } from './postgres.ts';
import { buildServer, makeNamespace, makeSchema, serverPorts, startServer } from './server.ts';

const programs = await postgresPrograms();
if (programs === undefined) throw new Error('PostgreSQL is not installed here: apt-get install postgresql');

let postgres: Postgres;
let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  const server = await buildServer();
  postgres = await startPostgres(programs);
  await makeSchema(server, postgres);
  const ports = await serverPorts();
  fleet = await startFleet(
    [
      on('mend', [
        bash('echo right > answer.txt && git add . && git commit -qm "fix: answer"'),
        { text: 'Mended.' },
      ]),
      on('wait for the file', [
        bash('echo first >> count.txt'),
        bash('until [ -e "$HOME/go-on/$(git branch --show-current)" ]; do sleep 0.1; done'),
        bash('echo second >> count.txt'),
        { text: 'Counted.' },
      ]),
      on('sit ', [bash('sleep 3456'), { text: 'Sat.' }]),
    ],
    {
      env: { SUBAGENTS_SLOTS: '2' },
      startServer: async () => {
        const started = await startServer(server, postgres, ports);
        await makeNamespace(started.address);
        return started;
      },
    },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

const spawn = (label: string, task: string, verify: string[] = []) =>
  subagents.session('deployed').spawn({ label, task, verify }, { cwd: fleet.repository.path });
const subagent = (label: string) => subagents.session('deployed').subagent(label);
const goOn = (label: string): void => {
  const file = join(fleet.home, '..', 'go-on', 'subagents', label);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '');
};
const counted = (label: string) => fleet.repository.git('show', `subagents/${label}:count.txt`);

describe('the deployment’s scripts', () => {
  it('may run again, and give the namespace its retention and search attributes', async () => {
    await makeSchema(await buildServer(), postgres);
    await makeNamespace(fleet.server.address);
    const connection = await Connection.connect({ address: fleet.server.address });
    const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' });
    expect(tsToMs(config?.workflowExecutionRetentionTtl)).toBe(30 * 24 * 3_600_000);
    const { customAttributes } = await connection.operatorService.listSearchAttributes({
      namespace: 'default',
    });
    expect(Object.keys(customAttributes ?? {})).toEqual(
      expect.arrayContaining(Object.values(SEARCH_ATTRIBUTES)),
    );
    await connection.close();
  });
});

describe('on the production server', () => {
  it('a subagent works, is verified, and is announced', async () => {
    await spawn('mender', 'mend', ['grep -q right answer.txt']);
    expect(await subagent('mender').result()).toMatchObject({ status: 'done', report: 'Mended.' });
    const told = (await subagents.session('deployed').peek()).filter(({ label }) => label === 'mender');
    expect(told.map(({ kind }) => kind)).toEqual(['completed']);
  });

  it('one is steered, and killed with its processes', async () => {
    await spawn('sitter', 'sit still');
    await eventually(async () => (await inItsShell(subagents, 'deployed', 'sitter')).includes('sleep 3456'));
    const receipt = await subagent('sitter').steer('Sit straight.');
    expect(receipt.delivery).toBe('mid-turn');
    const { sweep } = await subagent('sitter').kill();
    expect(sweep).toMatchObject({ left: [], proof: 'proven' });
    expect(processesWith('sleep 3456')).toEqual([]);
  });

  it('one goes on after SIGKILL of its worker', async () => {
    await spawn('worker-killed', 'wait for the file');
    await eventually(async () =>
      (await inItsShell(subagents, 'deployed', 'worker-killed')).includes('go-on'),
    );
    await fleet.worker.kill();
    await fleet.startWorker();
    goOn('worker-killed');
    expect(await subagent('worker-killed').result()).toMatchObject({ status: 'done', turns: 1 });
    expect(await counted('worker-killed')).toBe('first\nsecond');
    expect(fleet.model.timesSaid('wait for the file')).toBe(1);
  });

  it('two workers with two homes share the work, and each goes on after SIGKILL of the server', async () => {
    const second = await fleet.startWorker(join(fleet.home, '..', 'second-home'));
    const labels = ['one', 'two', 'three', 'four'];
    await Promise.all(labels.map((label) => spawn(label, `wait for the file, ${label}`)));
    const workers = await eventually(async () => {
      const views = await Promise.all(labels.map((label) => subagent(label).describe()));
      const ids = views.map(({ workerId }) => workerId).filter((id) => id !== undefined);
      return ids.length === labels.length && new Set(ids);
    });
    expect(workers.size).toBe(2);
    expect(workers).toContain(second.workerId);

    process.kill(fleet.server.pid, 'SIGKILL');
    await fleet.restartServer();
    labels.forEach(goOn);
    for (const label of labels) {
      expect(await subagent(label).result()).toMatchObject({ status: 'done', turns: 1 });
      expect(await counted(label)).toBe('first\nsecond');
      expect(fleet.model.timesSaid(`wait for the file, ${label}`)).toBe(1);
    }
  });
});
