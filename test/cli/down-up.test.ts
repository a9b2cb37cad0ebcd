/** Commands that wait while `down` and `up` happen, a port that another home has meanwhile, and a database that is older than the home. */
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { listJson, spawnJson } from '../../src/cli/json.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { startScriptedModel, type ScriptedModel } from '../support/model.ts';
import { bash, on } from '../support/turns.ts';
import { run, start, type Ran } from './command.ts';

// Each test is many processes, and two files run side by side.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let folder: TemporaryFolder;
let model: ScriptedModel;
let ours: string;
let theirs: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  [ours, theirs] = [join(folder.path, 'ours'), join(folder.path, 'theirs')];
  const go = join(folder.path, 'go');
  model = await startScriptedModel([
    on('QUICK', [{ text: 'Done.' }]),
    // A command that `down` has cut off is run again.
    on('LONG', () =>
      existsSync(go) ? { text: 'Heard it.' } : bash(`until [ -e ${go} ]; do sleep 0.1; done`),
    ),
  ]);
  const git = (...args: string[]) => execa('git', args, { cwd: folder.path });
  await git('init', '-q', '-b', 'main', 'repo');
  await execa('git', ['config', 'user.name', 'Test'], { cwd: repo() });
  await execa('git', ['config', 'user.email', 'test@example.com'], { cwd: repo() });
  await execa('git', ['commit', '-q', '--allow-empty', '-m', 'init'], { cwd: repo() });
});
afterEach(async () => {
  for (const home of [ours, theirs]) await run(['down', '--now'], { home });
  await model.stop();
  await folder[Symbol.asyncDispose]();
});

const repo = (): string => join(folder.path, 'repo');
const go = (): void => writeFileSync(join(folder.path, 'go'), '');
const surroundings = (home: string) => ({ home, cwd: repo(), env: model.env });
async function subagents(home: string, ...args: string[]): Promise<Ran> {
  const ran = await run(args, surroundings(home));
  expect(ran.stderr).not.toContain('error:');
  return ran;
}
const up = (home: string) => subagents(home, 'up', '--detach');
const list = async () => listJson.parse(JSON.parse((await subagents(ours, 'list', '--json')).stdout));
const works = (label: string) =>
  eventually(async () =>
    (await list()).subagents.some(
      (row) => row.label === label && row.progress?.doing?.startsWith('bash') === true,
    ),
  );

/** The ids of what `announcements --json` has told, in its order. */
const told = (said: string): string[] => [...said.matchAll(/"id": ?"([^"]*)"/g)].map(([, id]) => id ?? '');

/** A command that goes on, and what it has written so far. */
function waiting(...args: string[]) {
  const child = start(args, surroundings(ours));
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  let isOver = false;
  void child.finally(() => (isOver = true));
  return { child, said: () => said, isOver: () => isOver };
}

it('goes on with `wait` and `announcements --follow` over `down`, another home on the port, and `up`', async () => {
  await up(ours);
  await subagents(ours, 'spawn', 'long', 'LONG task', '--session', 's');
  await works('long');
  const wait = waiting('wait', 'long', '--session', 's');
  const follow = waiting('announcements', '--follow', '--session', 's', '--json');
  const watch = waiting('watch', '--session', 's', '--json');
  try {
    await subagents(ours, 'spawn', 'first', 'QUICK task', '--session', 's');
    await eventually(() => told(follow.said()).includes('first@1:ended'));
    await subagents(ours, 'down');
    // The other home has its port now, and a session of the same name.
    mkdirSync(join(theirs, 'temporal'), { recursive: true, mode: 0o700 });
    cpSync(join(ours, 'temporal', 'ports.json'), join(theirs, 'temporal', 'ports.json'));
    await up(theirs);
    const { server: other } = spawnJson.parse(
      JSON.parse(
        (await subagents(theirs, 'spawn', 'foreign', 'QUICK task', '--session', 's', '--json')).stdout,
      ),
    );
    expect((await subagents(theirs, 'wait', 'foreign', '--session', 's')).exitCode).toBe(0);
    await up(ours);
    const { server } = await list();
    expect(server.address).not.toBe(other.address);
    await works('long');
    expect([wait.isOver(), follow.isOver(), watch.isOver()]).toEqual([false, false, false]);
    go();
    expect((await wait.child).exitCode).toBe(0);
    expect(wait.said()).toContain('long');
    await eventually(() => told(follow.said()).includes('long@1:ended'));
    await eventually(() => /"label": ?"long"[^}]*"status": ?"done"/.test(watch.said()));
    expect(watch.said()).not.toContain('foreign');
    expect(told(follow.said())).toEqual(['first@1:ended', 'long@1:ended']);
    expect(
      follow
        .said()
        .split('\n')
        .filter((line) => line.includes('first')),
    ).toHaveLength(1);
    expect((await list()).subagents.map(({ label }) => label).sort()).toEqual(['first', 'long']);
  } finally {
    for (const { child } of [wait, follow, watch]) child.kill('SIGINT');
    await Promise.allSettled([wait.child, follow.child, watch.child]);
  }
});

it('goes on honestly on a copy of the database that is older than what the home has', async () => {
  await up(ours);
  await subagents(ours, 'spawn', 'long', 'LONG task', '--session', 's');
  await works('long');
  await subagents(ours, 'down');
  const [now, copy] = [join(ours, 'temporal'), join(folder.path, 'copy')];
  cpSync(now, copy, { recursive: true });
  await up(ours);
  go();
  expect((await subagents(ours, 'wait', 'long', '--session', 's')).exitCode).toBe(0);
  await subagents(ours, 'spawn', 'later', 'QUICK task', '--session', 's', '--wait');
  await subagents(ours, 'down');
  rmSync(now, { recursive: true });
  cpSync(copy, now, { recursive: true });
  await up(ours);
  // The server names the first as running, and does not know the second.
  expect((await subagents(ours, 'wait', 'long', '--session', 's')).exitCode).toBe(0);
  const shown = await subagents(ours, 'show', 'long', '--session', 's');
  expect(shown.stdout).toContain('the subagent had already ended at ');
  expect(shown.stdout).toContain("the server's database was replaced by an older copy, in which it was live");
  const { subagents: rows, notes } = await list();
  expect(rows.map(({ label, status, unknown }) => [label, status, unknown])).toEqual([
    ['long', 'done', undefined],
    ['later', 'lost', true],
  ]);
  expect(rows[1]?.summary).toContain('the server has no record of it; its branch is subagents/later');
  expect(notes.join()).toContain('this home has a run that its server has no record of');
  // What it goes on with is not told of what ended on the other side.
  expect((await subagents(ours, 'spawn', 'later', 'QUICK task', '--session', 's', '--wait')).exitCode).toBe(
    0,
  );
});
