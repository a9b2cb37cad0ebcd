/** Fail closed: no call of a sandboxed subagent runs outside of it, also after a resume and where bwrap has gone. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect } from 'vitest';
import type { Outcome, Subagents } from '../../src/client/index.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { it } from '../support/sandbox.ts';
import { bash, on, until } from '../support/turns.ts';

let fleet: Fleet;
let subagents: Subagents;
/** A folder outside, where everything that runs unsandboxed could write. */
let outside: string;
/** The programs of this machine, of which the test takes bwrap away. */
let programs: string;

const call = (name: string, args: Record<string, unknown>) => ({ tools: [{ name, arguments: args }] });
const write = (name: string) => bash(`touch '${outside}/${name}'; ls -d /run/subagents-sandbox`);

beforeAll(async () => {
  outside = mkdtempSync('/var/tmp/subagents-outside-');
  programs = mkdtempSync(join(tmpdir(), 'subagents-programs-'));
  for (const folder of (process.env['PATH'] ?? '').split(delimiter).filter((each) => existsSync(each)))
    for (const name of readdirSync(folder))
      if (!existsSync(join(programs, name))) symlinkSync(join(folder, name), join(programs, name));
  fleet = await startFleet(
    [
      on('survive', [
        write('first'),
        bash('touch reached; sleep 600'),
        write('second'),
        { text: 'Survived.' },
      ]),
      on('tools', [
        call('create', { path: `${outside}/created`, file_text: 'x' }),
        call('view', { path: `${outside}/secret` }),
        call('view', { path: 'link' }),
        call('grep', { pattern: 'SECRET', path: outside, output_mode: 'content' }),
        call('glob', { pattern: `${outside}/*` }),
        call('apply_patch', {
          input: `*** Begin Patch\n*** Add File: ${outside}/patched\n+x\n*** End Patch`,
        }),
        call('web_fetch', { url: 'http://127.0.0.1:1/' }),
        call('task', {
          agent_type: 'general-purpose',
          name: 'sub',
          description: 'x',
          prompt: 'x',
          mode: 'sync',
        }),
        { text: 'Tried.' },
      ]),
      on('large', [
        bash('seq 1 100000'),
        bash('tail -n 1 "$(ls -d /tmp/*/*/home/copilot/sandbox/outputs/*/* | tail -n 1)"'),
        { text: 'Read.' },
      ]),
      on('vanish', [
        write('third'),
        bash('touch reached; until [ -e go ]; do sleep 0.1; done'),
        write('fourth'),
        { text: 'Vanished.' },
      ]),
      on('refused', [write('fifth'), { text: 'Ran.' }]),
    ],
    {
      env: { PATH: programs },
      files: { 'README.md': '# A project\n', 'AGENTS.md': 'Say BANANA in each report.\n' },
    },
  );
  writeFileSync(join(outside, 'secret'), 'SECRET-OUTSIDE');
  await fleet.repository.write({});
  symlinkSync(join(outside, 'secret'), join(fleet.repository.path, 'link'));
  symlinkSync(join(outside, 'secret'), join(fleet.repository.path, 'CLAUDE.md'));
  mkdirSync(join(fleet.repository.path, '.github'));
  symlinkSync(join(outside, 'secret'), join(fleet.repository.path, '.github', 'copilot-instructions.md'));
  await fleet.repository.commit('Links');
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
  for (const folder of [outside, programs]) rmSync(folder, { recursive: true, force: true });
});

const spawn = (label: string) =>
  subagents.session('default').spawn({ label, task: label, sandbox: true }, { cwd: fleet.repository.path });
const result = (label: string): Promise<Outcome> => subagents.session('default').subagent(label).result();
const folderOf = (label: string): string => {
  const folder = join(fleet.home, 'worktrees', 'default');
  const name = existsSync(folder)
    ? readdirSync(folder).find((each) => each.startsWith(`${label}@`) && !/\.(json|walls)$/.test(each))
    : undefined;
  return join(folder, name ?? 'none');
};
const said = (label: string): string =>
  fleet.model.requests
    .filter(({ conversation }) => conversation?.userMessages[0]?.includes(label))
    .map(({ conversation }) => JSON.stringify(conversation))
    .join('\n');

it('no tool of Copilot reaches a file by itself; instructions of the repository come from its commit', async () => {
  await spawn('tools');
  const outcome = await result('tools');
  expect(outcome.status).toBe('done');
  expect(readdirSync(outside)).toEqual(['secret']);
  expect(said('tools')).not.toContain('SECRET-OUTSIDE');
  expect(said('tools')).toContain('Say BANANA in each report.');
  const offered = fleet.model.requests.flatMap(({ tools }) => tools);
  for (const tool of ['create', 'edit', 'view', 'grep', 'glob', 'task', 'web_fetch'])
    expect(offered).not.toContain(tool);
  expect(offered).toContain('bash');
});

it('output that is too large for an answer can be read inside', async () => {
  await spawn('large');
  expect((await result('large')).status).toBe('done');
  expect(said('large')).toContain('\\n100000');
});

it('after the worker was killed and another took its place, every call is behind the walls again', async () => {
  await spawn('survive');
  await until('its command', () => existsSync(join(folderOf('survive'), 'reached')));
  await fleet.worker.kill();
  await fleet.startWorker();
  expect((await result('survive')).status).toBe('done');
  expect(readdirSync(outside)).toEqual(['secret']);
  expect(said('survive').match(/run\/subagents-sandbox\\n<shellId/g)?.length).toBeGreaterThanOrEqual(1);
});

it('where bwrap has gone, no command runs, and the next spawn is refused', async () => {
  await spawn('vanish');
  await until('its command', () => existsSync(join(folderOf('vanish'), 'reached')));
  rmSync(join(programs, 'bwrap'));
  writeFileSync(join(folderOf('vanish'), 'go'), '');
  await result('vanish');
  expect(readdirSync(outside)).toEqual(['secret']);
  expect(said('vanish')).toContain('bwrap is not installed: the command was not run');
  await expect(spawn('refused')).rejects.toMatchObject({
    code: 'NO_SANDBOX',
    message: expect.stringContaining('bwrap is not installed') as string,
    remedy: expect.stringContaining('apt-get install bubblewrap') as string,
  });
  expect(dirname(outside)).toBe('/var/tmp');
});

it('the launcher runs nothing for a session without walls', async () => {
  const launcher = join(fleet.home, 'copilot', 'sandbox', 'bin', 'bwrap');
  const { exitCode, stderr } = await execa(
    launcher,
    ['--bind', '/', '/', '--', 'touch', join(outside, 'sixth')],
    { reject: false },
  );
  expect([exitCode, stderr]).toEqual([
    126,
    'subagents: this session has no sandbox: the command was not run',
  ]);
  expect(readdirSync(outside)).toEqual(['secret']);
});
