import { randomUUID } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { afterEach, describe, expect, test } from 'vitest';
import { findProcesses, markerScript, processMarker, ProcessSearch } from '../../src/home/processes.ts';
import { sweep } from '../../src/home/sweep.ts';
import { isAlive, linuxStat, signalProcess, type ProcessIdentity } from '../../src/system/process.ts';
import { startChild } from '../support/child.ts';
import { temporaryFolder } from '../support/home.ts';
import type { SweepReport } from '../../src/contract/reports/types.ts';

/** A sweep gives up before. */
const LONGER_THAN_A_SWEEP_MS = 5_000;
const started: string[] = [];

/** A Copilot session id; whatever of it is left when the test ends is killed. */
function copilotSession(): string {
  const id = `test-${randomUUID()}`;
  started.push(id);
  return id;
}
afterEach(() => {
  for (const id of started.splice(0))
    for (const process of findProcesses(id)) signalProcess(process, 'SIGKILL');
});

/** Runs `command` as Copilot runs a shell: in a process session of its own, after the init script. Ends with its shell. */
async function shell(id: string, command: string, init = markerScript(id)): Promise<void> {
  await execa('bash', ['-c', `${init}\n${command}`], {
    env: { COPILOT_AGENT_SESSION_ID: id },
    detached: true,
    stdio: 'ignore',
  });
}

/** The processes of `id` whose command matches, once there are some. */
async function processesOf(id: string, pattern: RegExp): Promise<ProcessIdentity[]> {
  const matching = () => findProcesses(id).filter(({ command }) => pattern.test(command));
  await expect.poll(() => matching().length).toBeGreaterThan(0);
  return matching();
}

const allGone = (processes: readonly ProcessIdentity[]) =>
  processes.every(({ pid, startTime }) => !isAlive(pid, startTime));

describe('what a subagent left running is found and ended', () => {
  test.each([
    ['in the background', 'sleep 1001 &'],
    ['nohup', 'nohup sleep 1001 &'],
    ['setsid', 'setsid sleep 1001 &'],
    ['a double fork', '( (sleep 1001 &) & )'],
    ['a cleared environment', 'env -i sleep 1001 &'],
    ['all of it, and all files closed', 'env -i setsid sh -c "(nohup sleep 1001 &)" <&- >&- 2>&- &'],
  ])('%s', async (_name, command) => {
    const id = copilotSession();
    await shell(id, command);
    const processes = await processesOf(id, /^sleep 1001$/);
    const report = await sweep(id);
    expect(allGone(processes)).toBe(true);
    expect(report).toMatchObject({ found: 1, ended: 1, left: [], proof: 'proven', commands: ['sleep 1001'] });
  });

  test('TERM ignored: killed, well within 5 s', async () => {
    const id = copilotSession();
    await shell(id, `(trap '' TERM HUP INT; while true; do sleep 1002; done) &`);
    // Once it sleeps, it ignores the signals.
    await processesOf(id, /^sleep 1002$/);
    const processes = await processesOf(id, /./);
    const report = await sweep(id);
    expect(allGone(processes)).toBe(true);
    expect(report.left).toEqual([]);
    expect(report.durationMs).toBeGreaterThanOrEqual(500);
    expect(report.durationMs).toBeLessThan(5_000);
  });

  test('TERM ignored, by a worker that stood still meanwhile', async () => {
    const id = copilotSession();
    await using child = startChild(import.meta.url, 'children/sweep-when-told.ts', [id]);
    await child.line(/^ready$/);
    await shell(id, `(trap '' TERM HUP INT; while true; do sleep 1002; done) &`);
    // Once it sleeps, it ignores the signals.
    await processesOf(id, /^sleep 1002$/);
    const processes = await processesOf(id, /./);
    child.say('go');
    await child.line(/^begun$/);
    process.kill(child.pid, 'SIGSTOP');
    await delay(LONGER_THAN_A_SWEEP_MS);
    process.kill(child.pid, 'SIGCONT');
    const [, report = ''] = await child.line(/^report (.*)$/);
    expect(JSON.parse(report)).toMatchObject({ left: [], proof: 'proven' });
    expect(allGone(processes)).toBe(true);
  });

  test('one that starts another whenever it is told to end', async () => {
    const id = copilotSession();
    const again = `trap 'setsid bash -c "$again" & exit' TERM; while true; do sleep 0.2; done`;
    await shell(id, `export again=${quoted(again)}; bash -c "$again" &`);
    await processesOf(id, /sleep 0\.2/);
    expect((await sweep(id)).left).toEqual([]);
    expect(findProcesses(id)).toEqual([]);
  });

  test('one that goes on as another process every ms', async () => {
    const id = copilotSession();
    await using folder = await temporaryFolder();
    const trace = join(folder.path, 'trace');
    await shell(id, `again() { (sleep 0.001; echo >>${quoted(trace)}; again) & }; again`);
    const length = async () => (await stat(trace)).size;
    await expect.poll(() => length().catch(() => 0)).toBeGreaterThan(5);
    expect(await sweep(id)).toMatchObject({ left: [], proof: 'proven' });
    const end = await length();
    for (let scans = 0; scans < 20; scans++) expect(findProcesses(id)).toEqual([]);
    expect(await length()).toBe(end);
  });

  // Only a program that starts threads of its own can end its first one: found where there is Python.
  test.skipIf(!existsSync('/usr/bin/python3'))('one whose first thread has ended', async () => {
    const id = copilotSession();
    const program = [
      'import ctypes, threading, time',
      'threading.Thread(target=lambda: [time.sleep(0.1) for _ in range(600)]).start()',
      'ctypes.CDLL(None).pthread_exit(None)',
    ].join('\n');
    await shell(id, `/usr/bin/python3 -c ${quoted(program)} &`);
    const states = () => findProcesses(id).map(({ pid }) => linuxStat(pid)?.state);
    await expect.poll(states).toEqual(['Z']);
    expect(await sweep(id)).toMatchObject({ found: 1, ended: 1, left: [], proof: 'proven' });
    expect(findProcesses(id)).toEqual([]);
  });

  test('a zombie that has just died may have forked when it was listed; one of before proves nothing against us', async () => {
    const id = copilotSession();
    const search = new ProcessSearch(id);
    const missed = () => search.scan(() => undefined).ended.length;
    // Nobody waits for the marked one, as in a container whose first process does not: bash has become something else by then.
    const parent = execa('bash', ['-c', `(${markerScript(id)}sleep 0.3) & echo $!; exec sleep 1007`]);
    const [zombie] = await once(parent.stdout, 'data').then((said) => said.map(Number));
    await expect.poll(() => linuxStat(zombie ?? 0)?.state).toBe('Z');
    // Others of the machine may come and go in between.
    expect(missed()).toBeGreaterThanOrEqual(1);
    await expect.poll(missed).toBe(0);
    expect(await sweep(id)).toMatchObject({ found: 0, left: [], proof: 'proven' });
    parent.kill();
    await parent.catch(() => undefined);
  });

  test('without the mark: by the environment, and by the process session of those found by it', async () => {
    const id = copilotSession();
    await shell(id, 'sleep 1003 & env -i sleep 1004 &', '');
    await processesOf(id, /^sleep 1003$/);
    const processes = await processesOf(id, /^sleep 1004$/);
    expect(await sweep(id)).toMatchObject({ found: 2, ended: 2, left: [] });
    expect(allGone(processes)).toBe(true);
  });

  test('one that something else has ended before counts as found and ended', async () => {
    const id = copilotSession();
    await shell(id, 'sleep 1017 &');
    await processesOf(id, /^sleep 1017$/);
    const running = findProcesses(id);
    for (const each of running) signalProcess(each, 'SIGKILL');
    await expect.poll(() => findProcesses(id).length).toBe(0);
    expect(await sweep(id, running)).toMatchObject({
      found: 1,
      ended: 1,
      left: [],
      proof: 'proven',
      commands: ['sleep 1017'],
    });
  });

  test('one that ends when asked is given the time to', async () => {
    const id = copilotSession();
    await using child = startChild(import.meta.url, '../system/children/hold-lock.ts', ['/nowhere'], {
      COPILOT_AGENT_SESSION_ID: id,
    });
    await child.line(/^ready$/);
    const report = await sweep(id);
    expect(report).toMatchObject({ found: 1, ended: 1, left: [] });
    expect(await child.endedBy).toBe('SIGTERM');
  });
});

/**
 * Runs a command as a user to whom a /proc of its own shows no more than its option lets it. Beside it somebody else has a terminal, in
 * which that user runs a process of the Copilot session `id`, and one that is not.
 */
const withProc = (option: string, id: string): string[] => {
  const user = 'setpriv --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all';
  const terminal = `COPILOT_AGENT_SESSION_ID=${id} ${user} sleep 1020 & ${user} sleep 1021 & exec sleep 1019`;
  const script = `mount -t proc -o ${option} proc /proc || exit
    setsid sh -c '${terminal}' & other=$!
    echo "other $other"; ${user} "$@"; kill $other`;
  return ['unshare', '--mount', '--pid', '--fork', '--kill-child=SIGKILL', 'sh', '-c', script, 'sh'];
};
const [unshare = '', ...script] = withProc('hidepid=1', 'none');
const canHide = spawnSync(unshare, [...script, 'true']).status === 0;

describe.runIf(canHide)('where this user may not look at the processes of others', () => {
  test.each([
    ['hidepid=1', (other: string) => `processes that this user has no permission to check: ${other}`],
    ['hidepid=2', () => 'processes of other users, which /proc hides on this machine (mount option hidepid)'],
  ])(
    'with %s the report says so and of which pids, at once, and their terminals are left alone',
    async (option, words) => {
      const id = copilotSession();
      await using sweeping = startChild(
        ...([import.meta.url, './children/sweep-when-told.ts', [id], {}, withProc(option, id)] as const),
      );
      const [, other = ''] = await sweeping.line(/^other (\d+)$/);
      await sweeping.line(/^ready$/);
      await processesOf(id, /^sleep 1020$/);
      sweeping.say('go');
      const [, text = ''] = await sweeping.line(/^report (.*)$/);
      const report = JSON.parse(text) as SweepReport;
      expect(report).toMatchObject({ found: 1, left: [], proof: 'unproven', commands: ['sleep 1020'] });
      expect(report.notChecked.at(-1)).toBe(words(other));
      // What it may not see stays so: it does not look for as long as where processes end unseen.
      expect(report.durationMs).toBeLessThan(LONGER_THAN_A_SWEEP_MS);
    },
  );
});

describe('nobody else is touched', () => {
  test('not another subagent’s, not an unmarked one, not the process that sweeps', async () => {
    const [mine, theirs] = [copilotSession(), copilotSession()];
    await shell(mine, 'setsid sleep 1005 &');
    await shell(theirs, 'setsid sleep 1006 &');
    const others = await processesOf(theirs, /^sleep 1006$/);
    await using bystander = startChild(import.meta.url, '../system/children/hold-lock.ts', ['/nowhere']);
    await bystander.line(/^ready$/);
    await processesOf(mine, /^sleep 1005$/);

    expect(await sweep(mine)).toMatchObject({ found: 1, ended: 1 });
    expect(others.every(({ pid, startTime }) => isAlive(pid, startTime))).toBe(true);
    process.kill(bystander.pid, 0);
  });

  test('not those who share a terminal with one of its processes', async () => {
    const id = copilotSession();
    // The session leader lives and is not marked: a user's shell, in which something of the subagent runs.
    await using terminal = terminalWith(id);
    const [found] = await processesOf(id, /^sleep 1007$/);
    expect(findProcesses(id)).toHaveLength(1);
    await sweep(id);
    expect(found && allGone([found])).toBe(true);
    process.kill(terminal.pid, 0);
  });

  test('a session that left nothing: an empty report, at once', async () => {
    const report = await sweep(copilotSession());
    expect(report).toMatchObject({ found: 0, ended: 0, left: [], proof: 'proven', commands: [] });
    // Whatever this machine has on its PATH.
    expect(report.notChecked.join()).toContain('daemons');
  });
});

describe('the mark', () => {
  test('is the same for an id each time, differs between ids, and lies where nobody sets a limit', () => {
    const ids = Array.from({ length: 1_000 }, (_, index) => `s-${index}`);
    const marks = ids.map(processMarker);
    expect(new Set(marks).size).toBe(ids.length);
    expect(ids.map(processMarker)).toEqual(marks);
    for (const mark of marks) {
      expect(Number.isSafeInteger(mark)).toBe(true);
      expect(mark).toBeGreaterThanOrEqual(2 ** 52);
    }
  });

  test('inside a marked process lies below that mark, for a limit can only be lowered', async () => {
    const outer = copilotSession();
    const program = new URL('children/print-mark.ts', import.meta.url).pathname;
    await using child = startChild(import.meta.url, 'children/in-bash.ts', [
      markerScript(outer),
      program,
      'inner',
    ]);
    const [, inner] = await child.line(/^mark (\d+)$/);
    expect(Number(inner)).toBeLessThan(processMarker(outer));
    expect(Number(inner)).toBeGreaterThanOrEqual(2 ** 51);
  });
});

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

function terminalWith(id: string): AsyncDisposable & { readonly pid: number } {
  const child = execa('bash', ['-c', 'COPILOT_AGENT_SESSION_ID="$0" sleep 1007 & sleep 1008; :', id], {
    detached: true,
    stdio: 'ignore',
    reject: false,
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('cannot start bash');
  return {
    pid,
    [Symbol.asyncDispose]: async () => {
      process.kill(-pid, 'SIGKILL');
      await child;
    },
  };
}
