import { execa } from 'execa';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completions, type Completion, type Names } from '../../src/cli/complete/candidates.ts';
import { completionJson } from '../../src/cli/json.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { environment, MAIN, run } from './command.ts';

const names: Names = async () => ({
  targets: [{ value: 'fix-login', description: 'working: …' }, { value: 'fix-docs' }, { value: 'last' }],
  sessions: [{ value: 'default' }, { value: 'night' }],
});
const values = async (...words: string[]): Promise<string[]> => {
  const found: readonly Completion[] = await completions(
    buildProgram('0', () => undefined),
    words,
    names,
  );
  return found.map(({ value }) => value);
};

describe('candidates', () => {
  it.each([
    [['sp'], ['spawn']],
    [['st'], ['steer', 'status', 'store']],
    [['help', 'wat'], ['watch']],
    [
      ['steer', ''],
      ['fix-login', 'fix-docs', 'last'],
    ],
    [['steer', 'fix-l'], ['fix-login']],
    // A message is the user's own.
    [['steer', 'fix-login', ''], []],
    [['wait', 'fix-docs', 'fix'], ['fix-login']],
    [['logs', '-f', 'l'], ['last']],
    [
      ['spawn', 'x', '--thinking', ''],
      ['off', 'low', 'medium', 'high', 'xhigh'],
    ],
    [['spawn', 'x', '--thinking', 'x'], ['xhigh']],
    [['spawn', 'x', '--repo', ''], [':files']],
    [['list', '--session', 'n'], ['night']],
    [['--session', 'night', 'show', 'fix-d'], ['fix-docs']],
    [['logs', '--fol'], ['--follow']],
    [['show', '--js'], ['--json']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [
      ['chain', 'r'],
      ['run', 'retry'],
    ],
    [
      ['chain', 'run', ''],
      [':files', 'research-implement', 'review'],
    ],
    [
      ['chain', 'check', 'rev'],
      [':files', 'review'],
    ],
    [['chain', 'run', './'], [':files']],
    [['chain', 'run', 'f', '--par'], ['--param']],
    [['spawn', ''], []],
    [['nonsense', ''], []],
  ])('of %j', async (words, expected) => {
    expect(await values(...words)).toEqual(expected);
  });

  it('has every command for an empty line', async () => {
    expect(await values('')).toEqual(expect.arrayContaining(['up', 'spawn', 'list', 'help']));
  });
});

describe('the scripts', () => {
  let folder: TemporaryFolder;
  let home: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    home = join(folder.path, 'home');
  });
  afterAll(async () => await folder[Symbol.asyncDispose]());

  it.each(['bash', 'zsh', 'fish'])('%s: asks the command itself', async (shell) => {
    const { exitCode, stdout } = await run(['completion', shell], { home });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('subagents __complete');
    const { script } = completionJson.parse(
      JSON.parse((await run(['completion', shell, '--json'], { home })).stdout),
    );
    expect(script.trimEnd()).toBe(stdout);
  });

  it('bash completes with it', async () => {
    const { stdout: script } = await run(['completion', 'bash'], { home });
    const session = `
      subagents() { '${process.execPath}' '${MAIN}' "$@"; }
      ${script}
      try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _subagents; printf '%s,' "\${COMPREPLY[@]}"; echo; }
      try subagents anno
      try subagents spawn x --thinking h
      try subagents list --fin
      cd '${folder.path}' && mkdir res.d && touch 'res ult.yaml' other
      try subagents chain run res
      try subagents spawn x --repo res
    `;
    const { stdout } = await execa('bash', ['--norc', '-c', session], {
      env: environment({ home }),
      extendEnv: false,
    });
    expect(stdout.split('\n')).toEqual([
      ...['announcements,', 'high,', '--finished,'],
      expect.stringMatching(/^research-implement,(res\.d,res ult\.yaml|res ult\.yaml,res\.d),$/),
      // The shell's own names of files.
      ',',
    ]);
  });

  it('says nothing but candidates, also where no server answers', async () => {
    expect(await run(['__complete', 'steer', ''], { home })).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });
});
