/** Whatever dies in the middle of a turn: it goes on, with one prompt, no finished tool call repeated, and one outcome. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome, Subagents } from '../../src/client/index.ts';
import { eventually } from '../support/eventually.ts';
import { startEmbedded } from '../../src/temporal/embedded/server.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { temporaryFolder } from '../support/home.ts';
import { bash, on } from '../support/turns.ts';
import { copilotRuntime, inItsShell, processesWith } from '../support/world.ts';

let silences = 0;
let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  fleet = await startFleet([
    // The message comes while the model is still silent.
    on('fall silent', ({ text }) =>
      text.includes('hello?')
        ? { text: 'Hello.' }
        : { text: 'Nobody called.', delayMs: silences++ === 0 ? 120_000 : 8_000 },
    ),
    // Its git is killed while it commits, and leaves its locks.
    on('be killed in a commit', [
      bash(
        'echo first > count.txt; git add count.txt; d=$(mktemp -d); printf "#!/bin/sh\\nkill -9 \\$PPID\\n" > $d/pre-commit; chmod +x $d/pre-commit; ' +
          'git -c core.hooksPath=$d commit -aqm first; rm -r $d; touch "$(git rev-parse --git-path refs/heads/subagents/in-commit.lock)"; ' +
          'ls "$(git rev-parse --git-path index.lock)" && touch "$HOME/killed-in-commit" && sleep 4322',
      ),
      bash('git commit -aqm second'),
      { text: 'Committed.' },
    ]),
    on('count twice', [
      bash('echo first >> count.txt; nohup setsid sleep 4321 >/dev/null 2>&1 &'),
      bash('until [ -e "$HOME/go-on/$(git branch --show-current)" ]; do sleep 0.1; done'),
      bash('echo second >> count.txt'),
      { text: 'Counted.' },
    ]),
  ]);
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

/** Spawns a subagent, lets `strike` hit while its second command runs, and checks what must hold in the end. */
async function survives(label: string, strike: () => Promise<void>): Promise<Outcome> {
  const goOn = join(fleet.home, '..', 'go-on', 'subagents', label);
  const session = subagents.session('recovery');
  await session.spawn({ label, task: `count twice, ${label}` }, { cwd: fleet.repository.path });
  await eventually(async () => (await inItsShell(subagents, 'recovery', label)).includes('go-on'));

  await strike();
  mkdirSync(dirname(goOn), { recursive: true });
  writeFileSync(goOn, '');

  const outcome = await session.subagent(label).result();
  expect(outcome).toMatchObject({ status: 'done', report: 'Counted.', turns: 1 });
  expect(fleet.model.timesSaid(`count twice, ${label}`)).toBe(1);
  expect(await fleet.repository.git('show', `subagents/${label}:count.txt`)).toBe('first\nsecond');
  const told = (await session.peek()).filter((each) => each.label === label);
  expect(told.map(({ kind }) => kind)).toEqual(['completed']);
  expect(readdirSync(join(fleet.home, 'leases'))).toEqual([]);
  return outcome;
}

/** The command that went on by itself, and ended with the worker: the model and the reader of the outcome are told. */
function tellsWhatEnded({ notes }: Outcome): void {
  expect(notes.filter((note) => note.includes('`sleep 4321`'))).toHaveLength(1);
  expect(fleet.model.requests.at(-1)?.conversation?.userMessages.join('\n')).toContain('* sleep 4321');
}

describe('a turn goes on', () => {
  it('after SIGKILL of its worker', async () => {
    const outcome = await survives('worker-killed', async () => {
      await fleet.worker.kill();
      await fleet.startWorker();
    });
    tellsWhatEnded(outcome);
  });

  it('after SIGKILL of its Copilot runtime', async () => {
    await survives('runtime-killed', async () => {
      const pid = copilotRuntime(fleet);
      process.kill(pid, 'SIGKILL');
      await eventually(() => !existsSync(`/proc/${pid}`));
    });
  });

  it('after SIGTERM of its worker, which hands it back', async () => {
    const outcome = await survives('interrupted', async () => {
      await fleet.worker.stop();
      expect(readdirSync(join(fleet.home, 'leases'))).toEqual([]);
      expect(processesWith('sleep 4321')).toEqual([]);
      await fleet.startWorker();
    });
    tellsWhatEnded(outcome);
  });

  it('in a worktree without the locks of a git that was killed in a commit', async () => {
    const session = subagents.session('recovery');
    await session.spawn(
      { label: 'in-commit', task: 'be killed in a commit' },
      { cwd: fleet.repository.path },
    );
    await eventually(() => existsSync(join(fleet.home, '..', 'killed-in-commit')));
    await fleet.worker.kill();
    await fleet.startWorker();
    const { evidence } = await session.subagent('in-commit').result();
    expect(evidence?.savedLeftovers).toBe(false);
    expect(await fleet.repository.git('log', '-1', '--format=%s', 'subagents/in-commit')).toBe('second');
  });

  it('after a restart of the server', async () => {
    await survives('server-restarted', () => fleet.restartServer());
  });

  it('after SIGTERM of its worker with a steer on its way, which does not keep that, and gets in once it runs again', async () => {
    const session = subagents.session('recovery');
    await session.spawn({ label: 'silent', task: 'fall silent' }, { cwd: fleet.repository.path });
    await eventually(() => fleet.model.timesSaid('fall silent') === 1);
    const steered = session.subagent('silent').steer('hello?');
    await eventually(() =>
      readdirSync(join(fleet.home, 'leases')).some((name) => name.startsWith('deliver')),
    );
    const asked = performance.now();
    await fleet.worker.stop();
    // It would have stayed until the model had answered.
    expect(performance.now() - asked).toBeLessThan(60_000);
    await fleet.startWorker();
    expect((await steered).delivery).not.toBe('held');
    expect(await session.subagent('silent').result()).toMatchObject({ report: 'Hello.', turns: 1 });
    expect(fleet.model.timesSaid('hello?')).toBe(1);
  });
});

it('a worker whose home was with another server starts, and has ended what it left there', async () => {
  const folder = await temporaryFolder();
  let servers = 0;
  const elsewhere = await startFleet(
    [on('sit', [bash('nohup setsid sleep 4322 >/dev/null 2>&1 & sleep 4322')])],
    {
      startServer: (port) =>
        startEmbedded({
          dataDir: join(folder.path, `temporal-${++servers}`),
          logFile: join(folder.path, 'temporal.log'),
          onProgress: () => undefined,
          ...(port !== undefined && { ports: { grpc: port } }),
        }),
    },
  );
  try {
    await using client = await elsewhere.connect();
    await client
      .session('elsewhere')
      .spawn({ label: 'sitter', task: 'sit' }, { cwd: elsewhere.repository.path });
    await inItsShell(client, 'elsewhere', 'sitter');
    await elsewhere.worker.kill();
    const leases = join(elsewhere.home, 'leases');
    expect(readdirSync(leases)).not.toEqual([]);
    await elsewhere.restartServer();
    await elsewhere.startWorker();
    expect(readdirSync(leases)).toEqual([]);
    expect(processesWith('sleep 4322')).toEqual([]);
  } finally {
    await elsewhere[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  }
});
