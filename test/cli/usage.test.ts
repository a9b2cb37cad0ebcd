import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureJson } from '../../src/cli/json.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { environment, MAIN, run, type Ran } from './command.ts';

let folder: TemporaryFolder;
let home: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  home = join(folder.path, 'home');
});
afterAll(async () => await folder[Symbol.asyncDispose]());

const subagents = async (
  args: string[],
  more: { env?: Record<string, string>; input?: string } = {},
): Promise<Ran> => await run(args, { home, ...more });

describe('help', () => {
  it.each([
    ...[['spawn'], ['batch'], ['race'], ['continue'], ['steer'], ['answer']],
    ...[
      ['chain', 'run'],
      ['chain', 'retry'],
    ],
  ])('has %s take a request id', async (...command) => {
    expect((await subagents([...command, '--help'])).stdout).toContain('--request-id <id>');
  });

  it('lists every command and every exit code, on stdout', async () => {
    const { exitCode, stdout, stderr } = await subagents(['--help']);
    expect(exitCode).toBe(0);
    expect(stderr).toBe('');
    for (const name of [
      ...[
        'up',
        'down',
        'status',
        'doctor',
        'worker',
        'spawn',
        'list',
        'show',
        'steer',
        'answer',
        'kill',
        'wait',
        'diff',
        'merge',
        'clean',
      ],
      ...['logs', 'watch', 'announcements', 'open', 'demo', 'install', 'uninstall', 'completion', 'help'],
    ]) {
      expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    }
    for (const code of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130])
      expect(stdout).toMatch(new RegExp(`\\b${code} {2,4}\\S`));
  });

  it('explains a command, with the global options', async () => {
    const { exitCode, stdout } = await subagents(['help', 'spawn']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('--verify <command>');
    expect(stdout).toContain('--session <name>');
    expect((await subagents(['spawn', '--help'])).stdout).toBe(stdout);
  });

  it('fits 80 columns, of every command', async () => {
    const { stdout } = await subagents(['help']);
    const names = [...stdout.matchAll(/^ {2}([a-z]+)[| ]/gm)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThan(25);
    const helps = [stdout];
    for (const name of [...new Set(names)].filter((each) => each !== 'subagents'))
      helps.push((await subagents(['help', name])).stdout);
    expect(helps.flatMap((help) => help.split('\n')).filter((line) => line.length > 80)).toEqual([]);
  });

  it('is JSON for programs, as the version is, and the error where no command is given', async () => {
    const json = async (...args: string[]): Promise<unknown> =>
      JSON.parse((await subagents([...args, '--json'])).stdout);
    expect(await json('help')).toEqual({ help: expect.stringContaining('Usage: subagents') as string });
    expect(await json('spawn', '--help')).toEqual({ help: expect.stringContaining('--verify') as string });
    expect(await json('--version')).toEqual({ version: expect.stringMatching(/^\d+\.\d+/) as string });
    const { exitCode, stdout, stderr } = await subagents(['--json']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'BAD_INPUT', message: 'the command is missing' },
    });
  });

  it('is shown on stderr, as an error, when no command is given', async () => {
    const { exitCode, stdout, stderr } = await subagents([]);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('Usage: subagents');
  });
});

describe('wrong usage', () => {
  it.each([
    [['lst'], "unknown command 'lst'", 'did you mean one of list, ls?'],
    [['help', 'spwn'], "unknown command 'spwn'", 'did you mean spawn?'],
    [['list', '--jsn'], "unknown option '--jsn'", 'did you mean --json?'],
    [['spawn'], "missing required argument 'label'", 'subagents spawn --help'],
    [['wait', '--timeout', 'soon'], "argument 'soon' is invalid", 'subagents wait --help'],
    [['wait', '--timeout', ''], "argument '' is invalid", 'subagents wait --help'],
    [['wait', '--timeout', '30d'], 'at most 24 days', 'subagents wait --help'],
    [['kill'], 'kill takes either targets or --all', 'subagents kill <target>'],
    [['kill', 'a', '--all'], 'kill takes either targets or --all', 'subagents kill <target>'],
    [['wait', 'a', '--next'], 'wait takes targets, or --next', 'give one of the two'],
    [['clean', 'a', '--all-sessions'], 'clean takes targets, or --all-sessions', 'give one of the two'],
    [['steer', 'a'], 'the message is missing', '--file <file>'],
    [['completion', 'csh'], 'no completion for "csh"', 'bash, zsh, fish'],
    [
      ['up', '--address', 'localhost:7233'],
      '`up` always runs its own Temporal server',
      'subagents worker --address',
    ],
  ])('%j', async (args, message, remedy) => {
    const { exitCode, stdout, stderr } = await subagents(args);
    expect(stderr).toContain(`error: `);
    expect(stderr).toContain(message);
    expect(stderr).toContain('  → ');
    expect(stderr).toContain(remedy);
    expect(stdout).toBe('');
    expect(exitCode).toBe(2);
  });
});

describe('a bad spec is refused before anything is started or connected', () => {
  it.each([
    [['spawn', 'Fix-Login', 'x'], 'illegal label "Fix-Login"'],
    [['spawn', 'last', 'x'], 'illegal label "last"'],
    [['spawn', 'a..b', 'x'], 'illegal label "a..b"'],
    [['spawn', 'a', '  '], 'the task is empty'],
    [['spawn', 'a'], 'the task is missing'],
    [['spawn', 'a', 'x', '--file', 'y'], 'the task is given twice'],
    [['spawn', 'a', '--file', '/nowhere/task.md'], 'there is no such file'],
    [['spawn', 'a', 'x', '--thinking', 'hard'], '--thinking'],
    [['spawn', 'a', 'x', '--timeout', 'soon'], '"soon" is not a duration'],
    [['spawn', 'a', 'x', '--timeout', ''], '"" is not a duration'],
    [['spawn', 'a', 'x', '--verify', ' '], 'a verification command is empty'],
  ])('%j', async (args, message) => {
    const { exitCode, stderr } = await subagents(args);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(2);
    expect(existsSync(home)).toBe(false);
  });

  it('a task over the limit, from a file and from stdin', async () => {
    const huge = 'x'.repeat(256 * 1024 + 1);
    const file = join(folder.path, 'huge.md');
    await writeFile(file, huge);
    for (const ran of [
      await subagents(['spawn', 'a', '--file', file]),
      await subagents(['spawn', 'a', '-'], { input: huge }),
    ]) {
      expect(ran.exitCode).toBe(2);
      expect(ran.stderr).toContain('the task is larger than 256 KiB');
    }
  });
});

describe('errors for programs', () => {
  it.each([[['lst', '--json']], [['list', '--json']], [['spawn', 'Bad', 'x', '--json']]])(
    '%j',
    async (args) => {
      const { stdout, stderr } = await subagents(args);
      expect(stdout).toBe('');
      const { error } = failureJson.parse(JSON.parse(stderr));
      expect(error.message).not.toBe('');
      expect(error.remedy).toBeDefined();
      expect(error.stack).toBeUndefined();
    },
  );

  it('have a stack only with --verbose', async () => {
    expect((await subagents(['list'])).stderr).not.toContain('    at ');
    expect((await subagents(['list', '--verbose'])).stderr).toContain('    at ');
    const { stderr } = await subagents(['list', '--verbose', '--json']);
    expect(failureJson.parse(JSON.parse(stderr)).error.stack).toContain('    at ');
  });
});

describe('without a server', () => {
  it('says that nothing runs, and how to change that', async () => {
    const { exitCode, stderr } = await subagents(['list']);
    expect(exitCode).toBe(3);
    expect(stderr).toContain(`nothing runs in`);
    expect(stderr).toContain('subagents up');
  });

  it('names the server that does not answer, as soon as it is refused', async () => {
    const { exitCode, stderr } = await subagents(['list', '--address', '127.0.0.1:1', '--namespace', 'team']);
    expect(exitCode).toBe(3);
    expect(stderr).toContain('127.0.0.1:1');
    expect(stderr).toContain('"team"');
    expect(stderr).toContain('ECONNREFUSED');
  });

  it('reads TEMPORAL_ADDRESS as Temporal’s own tools do', async () => {
    const { exitCode, stderr } = await subagents(['list'], { env: { TEMPORAL_ADDRESS: '127.0.0.1:1' } });
    expect(exitCode).toBe(3);
    expect(stderr).toContain('TEMPORAL_ADDRESS');
  });

  it('never starts one where nobody looks: no terminal, no `up`', async () => {
    const { exitCode, stderr } = await subagents(['spawn', 'a', 'do it']);
    expect(exitCode).toBe(3);
    expect(stderr).not.toContain('--detach');
    expect(existsSync(home)).toBe(false);
  });
});

describe('colour', () => {
  const ESCAPE = '\u001B[';
  it('is there only for a terminal, or when forced', async () => {
    expect((await subagents(['list'])).stderr).not.toContain(ESCAPE);
    expect((await subagents(['list'], { env: { FORCE_COLOR: '1' } })).stderr).toContain(ESCAPE);
  });

  it('is off with NO_COLOR and --no-color, whatever else is said', async () => {
    const env = { FORCE_COLOR: '1' };
    expect((await subagents(['list', '--no-color'], { env })).stderr).not.toContain(ESCAPE);
    expect((await subagents(['list'], { env: { ...env, NO_COLOR: '1' } })).stderr).not.toContain(ESCAPE);
    expect((await subagents(['--help', '--no-color'], { env })).stdout).not.toContain(ESCAPE);
    expect((await subagents(['--help'], { env })).stdout).toContain(ESCAPE);
  });
});

it('a reader that stops reading is no failure', async () => {
  const child = spawn(process.execPath, [MAIN, '--help'], {
    env: environment({ home }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [exitCode] = (await once(child, 'close')) as [number];
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
});
