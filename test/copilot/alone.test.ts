/** What the README says of Copilot CLI by itself, beside which it shows this product: pinned to the version that comes along. */
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findCopilot } from '../../src/copilot/runtime/executable.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/home.ts';
import { startScriptedModel, type ScriptedModel } from '../support/model.ts';
import { temporaryRepository, type Repository } from '../support/repository.ts';
import { bash, on } from '../support/turns.ts';
import { processesWith } from '../support/world.ts';

// Lengths that nobody else sleeps.
const sleeps = [0, 1, 2].map((index) => `sleep ${40_000 + 10 * process.pid + index}`);
const [detached = '', attached = '', delegated = ''] = sleeps;

let cli: string;
let model: ScriptedModel;
let repository: Repository;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeEach(async () => {
  cli = await findCopilot(undefined);
  folder = await temporaryFolder();
  await mkdir(join(folder.path, 'copilot'));
  repository = await temporaryRepository();
  model = await startScriptedModel([
    on('Work.', [bash(`nohup setsid ${detached} >/dev/null 2>&1 & ${attached}`), { text: 'Done.' }]),
    on('Be the delegate.', [bash(delegated), { text: 'Done.' }]),
    {
      when: ({ userMessages }) => userMessages[0]?.includes('Delegate.') ?? false,
      steps: ({ news }) => {
        if (news.includes('Delegate.')) return { tools: [{ name: 'task', arguments: TASK }] };
        if (news.includes('Who is there?')) return { tools: [{ name: 'list_agents', arguments: {} }] };
        return { text: 'I go on.' };
      },
    },
  ]);
});
afterEach(async () => {
  for (const pid of sleeps.flatMap(processesWith)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
  await model?.stop();
  await repository?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

/** A background agent of Copilot's own. */
const TASK = {
  name: 'delegate',
  description: 'delegate',
  agent_type: 'general-purpose',
  prompt: 'Be the delegate.',
  mode: 'background',
};

/** Runs Copilot CLI; no exit code throws. */
const copilot = (...args: string[]) =>
  execa(cli, [...args, '--allow-all-tools', '--allow-all-paths', '--disable-builtin-mcps'], {
    cwd: repository.path,
    env: {
      ...model.env,
      PATH: process.env['PATH'],
      HOME: folder.path,
      COPILOT_HOME: join(folder.path, 'copilot'),
    },
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
  });
/** The Copilot session whose log has these words. */
async function sessionThat(words: string): Promise<string | undefined> {
  const sessions = join(folder.path, 'copilot', 'session-state');
  for (const id of await readdir(sessions).catch(() => [])) {
    const log = await readFile(join(sessions, id, 'events.jsonl'), 'utf8').catch(() => '');
    if (log.includes(words)) return id;
  }
  return undefined;
}
/** Waits until it runs itself, and not only what is to start it. */
const runs = (sleep: string): Promise<boolean> =>
  eventually(() => processesWith(sleep).some((pid) => argumentsOf(pid).join(' ') === sleep));

function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return []; // it has ended meanwhile
  }
}

describe('copilot -p', () => {
  it('exits 0 when SIGTERM ends it in the middle, and leaves what was detached', async () => {
    const cli = copilot('-p', 'Work.');
    await runs(detached);
    await runs(attached);
    cli.kill('SIGTERM');
    expect((await cli).exitCode).toBe(0);
    // The shell names both.
    await eventually(() => processesWith(attached).length === 0);
    expect(processesWith(detached)).toHaveLength(1);
  });

  it('leaves what its shell runs when it is killed', async () => {
    const cli = copilot('-p', 'Work.');
    await runs(attached);
    cli.kill('SIGKILL');
    expect((await cli).signal).toBe('SIGKILL');
    expect(processesWith(attached).length).toBeGreaterThan(0);
  });
});

describe('a background agent of Copilot CLI', () => {
  it('is gone when the process is killed and the session resumed; what its shell ran goes on', async () => {
    const cli = copilot('-p', 'Delegate.');
    await runs(delegated);
    // What is not on disk yet is lost with it.
    const id = await eventually(() => sessionThat('agent_id'));
    cli.kill('SIGKILL');
    await cli;
    expect(processesWith(delegated).length).toBeGreaterThan(0);

    const { stdout } = await copilot(`--resume=${id}`, '-p', 'Who is there?');
    const asked = model.requests.findLast(({ conversation }) =>
      conversation?.messages.some(({ content }) => content.includes('Who is there?')),
    );
    expect(asked?.conversation?.text ?? stdout).toContain('<no background agents>');
  });
});
