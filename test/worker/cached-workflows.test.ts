import { readFileSync } from 'node:fs';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SESSION } from '../../src/contract/index.ts';
import { sessionStart } from '../../src/temporal/session-start.ts';
import { PATIENCE_MS } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await startFleet([]);
}, PATIENCE_MS);
afterAll(() => fleet[Symbol.asyncDispose]());

const megabytes = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

it.runIf(process.platform === 'linux')(
  'a worker has as much memory with 400 idle workflows as with 150',
  async () => {
    const connection = await Connection.connect({ address: fleet.server.address });
    const client = new Client({ connection });
    const session = async (index: number): Promise<void> => {
      const handle = await client.workflow.start(SESSION.workflow, sessionStart(`s${index}`, 'idle'));
      await handle.query(SESSION.list, { finished: 0 });
    };
    let started = 0;
    const memoryWith = async (count: number): Promise<number> => {
      for (; started < count; started += 10)
        await Promise.all(Array.from({ length: 10 }, (_, index) => session(started + index)));
      return megabytes(fleet.worker.pid);
    };
    const few = await memoryWith(150);
    expect((await memoryWith(400)) - few).toBeLessThan(150);
    await connection.close();
  },
  3 * PATIENCE_MS,
);
