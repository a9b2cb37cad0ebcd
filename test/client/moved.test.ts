/** A server that moves, and a port that changes hands: who is connected finds the one again, and gives the other nothing. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Subagents } from '../../src/client/index.ts';
import { processStartTime } from '../../src/system/process.ts';
import { startEmbedded, type EmbeddedServer } from '../../src/temporal/embedded/server.ts';
import { connectTemporal } from '../../src/temporal/connect.ts';
import { removeUpFile, writeUpFile } from '../../src/temporal/up-file.ts';
import { LazyConnection } from '../../src/tools/index.ts';
import { EXIT } from '../../src/cli/exit.ts';
import { run } from '../cli/command.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { ownPorts } from '../support/ports.ts';
import { bash, on } from '../support/turns.ts';

let folder: TemporaryFolder;
/** The server of the home, where it is now. */
let ours: EmbeddedServer;
let fleet: Fleet;
/** Of the home: what its `up` would write. */
let home: string;

const start = (name: string, port: number | undefined, homeId: string): Promise<EmbeddedServer> =>
  startEmbedded({
    dataDir: join(folder.path, name),
    logFile: join(folder.path, `${name}.log`),
    onProgress: () => undefined,
    homeId,
    ports: port === undefined ? ownPorts() : { grpc: port },
  });
const say = ({ address, namespace, uiUrl, identity }: EmbeddedServer): void =>
  writeUpFile(home, {
    pid: process.pid,
    startTime: processStartTime(process.pid) ?? '',
    address,
    namespace,
    uiUrl,
    startedAt: new Date().toISOString(),
    server: identity,
  });
/** What happens between the end of the server and its next start. */
let between: () => Promise<void> = () => Promise.resolve();
/** Ends the server, has another home's take its port, and starts it again elsewhere. */
async function swap(whileAway: () => Promise<void>): Promise<EmbeddedServer> {
  const before = ours.address;
  let other: EmbeddedServer | undefined;
  between = async () => {
    other = await start(`other of ${before}`, Number(before.split(':')[1]), 'w-theirsss');
    expect(other.address).toBe(before);
    await whileAway();
  };
  removeUpFile(home, process.pid);
  await fleet.worker.stop();
  try {
    await fleet.restartServer();
  } catch (error) {
    await other?.stop();
    throw error;
  }
  say(ours);
  await fleet.startWorker();
  if (other === undefined) throw new Error('no other server was started');
  return other;
}
/** Ids of all workflows there. */
async function workflowsAt({ address, namespace }: EmbeddedServer): Promise<string[]> {
  const connection = await connectTemporal({ address, namespace, origin: 'a test' });
  const ids: string[] = [];
  for await (const { workflowId } of new Client({ connection, namespace }).workflow.list())
    if (!workflowId.startsWith('temporal-sys')) ids.push(workflowId);
  await connection.close();
  return ids;
}

beforeAll(async () => {
  folder = await temporaryFolder();
  home = join(folder.path, 'home');
  await mkdir(home, { mode: 0o700 });
  fleet = await startFleet(
    [on('say', [{ text: 'Said.' }]), on('sleep', [bash('sleep 6'), { text: 'Slept.' }])],
    {
      startServer: async () => {
        await between();
        return (ours = await start('ours', undefined, 'w-oursssss'));
      },
    },
  );
  say(ours);
});
afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

describe('a home whose server moves while another home takes its port', { timeout: 480_000 }, () => {
  it('is found again by every long wait, and nothing of it goes to the other', async () => {
    const connect = () => Subagents.connect({ home, env: { HOME: folder.path } });
    await using subagents = await connect();
    await using late = await connect();
    const lazy = new LazyConnection({ home, env: { HOME: folder.path } });
    const cwd = { cwd: fleet.repository.path };
    const session = subagents.session('moving');
    await session.spawn({ label: 'sleeper', task: 'sleep' }, cwd);
    const outcome = session.subagent('sleeper').result();
    const heard: string[] = [];
    const hearing = (async () => {
      for await (const { label, kind } of (await lazy.get()).session('moving').announcements()) {
        heard.push(`${label} ${kind}`);
        if (heard.length === 2) return;
      }
    })();
    const followed: string[] = [];
    await eventually(
      async () => (await session.subagent('sleeper').describe()).status === 'working' || undefined,
    );
    const following = (async () => {
      for await (const { text } of session.subagent('sleeper').transcript({ follow: true }))
        followed.push(text ?? '');
    })();
    await eventually(() => followed.length > 0);

    const other = await swap(async () => {
      const error = { code: 'TEMPORAL_UNREACHABLE' };
      await expect(session.spawn({ label: 'stray', task: 'say' }, cwd)).rejects.toMatchObject(error);
      await expect(lazy.get()).rejects.toMatchObject(error);
    });
    try {
      expect((await outcome).report).toBe('Slept.');
      await following;
      expect(followed.join()).toContain('Slept.');
      // One that had nothing to do meanwhile.
      await late.session('moving').spawn({ label: 'later', task: 'say' }, cwd);
      expect(late.target).toMatchObject({ address: ours.address, uiUrl: ours.uiUrl });
      await hearing;
      expect(heard).toEqual(['sleeper completed', 'later completed']);
      expect(await workflowsAt(other)).toEqual([]);
    } finally {
      await lazy.close();
      await other.stop();
    }
  });

  it('is refused by who was told an address, once another answers there; also where the other took over its file', async () => {
    const { address, namespace } = ours;
    await using byAddress = await Subagents.connect({ home, address, namespace, env: {} });
    await using byHome = await Subagents.connect({ home, env: {} });
    const other = await swap(async () => {
      const result = byAddress.session('x').subagent('y').result();
      await expect(result).rejects.toMatchObject({
        code: 'OTHER_SERVER',
        message: expect.stringContaining('it belongs to the home of w-theirsss') as string,
      });
      // Its `up` lives, says the file, and somebody else answers there.
      say(ours);
      await expect(Subagents.connect({ home, env: {} })).rejects.toMatchObject({
        code: 'TEMPORAL_UNREACHABLE',
        message: expect.stringContaining('the server there belongs to the home of w-theirsss') as string,
      });
      await expect(byHome.sessions()).rejects.toMatchObject({ code: 'TEMPORAL_UNREACHABLE' });
      const listed = await run(['list'], { home });
      expect(listed).toMatchObject({ exitCode: EXIT.unavailable, stdout: '' });
      expect(listed.stderr).toMatch(
        /the server there belongs to the home of w-theirsss.*\n.*`subagents up`/s,
      );
    });
    try {
      expect((await byHome.sessions()).map(({ session }) => session)).toEqual(['moving']);
      await expect(byAddress.sessions()).rejects.toMatchObject({ code: 'OTHER_SERVER' });
    } finally {
      await other.stop();
    }
  });
});
