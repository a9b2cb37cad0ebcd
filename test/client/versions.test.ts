/** A client and workers of different versions: what they say to each other has a version, and a worker tells its own. */
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import { expect, it } from 'vitest';
import { readHome } from '../../src/home/home.ts';
import {
  CONTRACT_VERSION,
  contractOf,
  hostControlQueue,
  MAIN_QUEUE,
  workerIdentity,
} from '../../src/contract/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet } from '../support/fleet.ts';
import { on } from '../support/turns.ts';
import { withClient } from '../support/world.ts';

it('an identity without a contract is of the first', () => {
  expect(contractOf('w-abcd2345@host')).toBe(1);
  expect(contractOf(workerIdentity('w-abcd2345', 'host'))).toBe(CONTRACT_VERSION);
});

it('a spawn and a message are refused while all workers speak another contract, and go through once one speaks ours', async () => {
  await using fleet = await startFleet([on('say done', [{ text: 'Done.' }])], { worker: false });
  await using subagents = await fleet.connect();
  const { hostQueue } = await readHome(fleet.home, fleet.target.env);
  const connection = await NativeConnection.connect({ address: fleet.server.address });
  const of = { connection, identity: workerIdentity('w-newer', 'host', CONTRACT_VERSION + 1) };
  const workers = await Promise.all([
    Worker.create({
      ...of,
      taskQueue: MAIN_QUEUE,
      workflowBundle: {
        codePath: fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url)),
      },
    }),
    Worker.create({
      ...of,
      taskQueue: hostControlQueue(hostQueue),
      activities: { other: () => Promise.resolve() },
    }),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));
  const spawn = () =>
    subagents
      .session('versions')
      .spawn({ label: 'one', task: 'say done' }, { cwd: fleet.repository.path })
      .catch((error: unknown) => error as Error & { remedy?: string });
  const refused = await eventually(async () => {
    const answer = await spawn();
    return answer instanceof Error && answer.message.includes('contract') ? answer : undefined;
  });
  expect(refused).toMatchObject({
    code: 'NO_WORKER',
    message: expect.stringContaining(
      `workers use contract ${CONTRACT_VERSION + 1}, this program uses ${CONTRACT_VERSION}`,
    ) as string,
    remedy: 'update durable-subagents here',
  });
  // Nor is a message sent that nobody would understand.
  const subagent = subagents.session('versions').subagent('one');
  const misunderstood = {
    code: 'NO_WORKER',
    message: expect.stringContaining(`workers use contract ${CONTRACT_VERSION + 1}`) as string,
  };
  await expect(subagent.steer('Go on.')).rejects.toMatchObject(misunderstood);
  await expect(subagent.answer('Yes.')).rejects.toMatchObject(misunderstood);
  for (const worker of workers) worker.shutdown();
  await running;
  await connection.close();

  await fleet.startWorker();
  expect(await spawn()).toMatchObject({ accepted: true, run: 1 });
  expect((await subagents.session('versions').subagent('one').result()).report).toBe('Done.');

  // One that was started with what this version does not understand ends, and says why.
  await withClient(fleet, async (client) => {
    const handle = await client.workflow.start('subagent', {
      workflowId: 'subagent/broken/two',
      taskQueue: MAIN_QUEUE,
      args: [{ session: 'broken', label: 'two', run: 1 }],
    });
    await expect(handle.result()).rejects.toMatchObject({
      cause: { message: expect.stringContaining('the input of the subagent: spec') as string },
    });
  });
});
