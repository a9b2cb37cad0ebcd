/** A small chaos on the production server: two workers on two homes, while they, their runtimes and the server are struck. */
import { expect, it } from 'vitest';
import type * as Run from '../../chaos/run.ts';
import { tableOf } from '../../chaos/table.ts';
import { postgresPrograms, startPostgres } from './postgres.ts';
import { buildServer, makeNamespace, makeSchema, serverPorts, startServer } from './server.ts';

// Workers are started from beside it, so it has to be the built one.
const built = new URL('../../dist/chaos/run.js', import.meta.url).href;

it('loses nothing on the production server', { timeout: 600_000 }, async () => {
  const programs = await postgresPrograms();
  if (programs === undefined) throw new Error('PostgreSQL is not installed here: apt-get install postgresql');
  const { runChaos } = (await import(built)) as typeof Run;
  const server = await buildServer();
  await using postgres = await startPostgres(programs);
  await makeSchema(server, postgres);
  const ports = await serverPorts();
  const report = await runChaos({
    seed: 3,
    subagents: 12,
    workers: 2,
    strikes: 5,
    slots: 4,
    longestFreezeMs: 4_000,
    patienceMs: 180_000,
    keep: false,
    progress: () => undefined,
    server: async () => {
      const started = await startServer(server, postgres, ports);
      await makeNamespace(started.address);
      return started;
    },
  });
  expect(report.losses, tableOf(report)).toEqual([]);
  expect(report.strikes.some(({ part, hit }) => hit && (part === 'server' || part === 'everything'))).toBe(
    true,
  );
});
