/** The whole job through the command line: real server, worker, Copilot CLI and git; only the model's answers are scripted. */
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  announcementsJson,
  answerJson,
  failureJson,
  killJson,
  listJson,
  logsJson,
  openJson,
  showJson,
  spawnJson,
  steerJson,
  waitJson,
  waitNextJson,
} from '../../src/cli/json.ts';
import { PATIENCE_MS } from '../support/eventually.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { startScriptedModel, type ScriptedModel } from '../support/model.ts';
import { bash, on } from '../support/turns.ts';
import { run, start, type Ran } from './command.ts';

const SCENARIOS = [
  on('QUICK', [
    { text: 'I add it.', ...bash('echo new > new.txt && git add new.txt && git commit -qm "feat: add it"') },
    { text: 'Added \u001B[31mnew.txt\u001B[0m.' },
  ]),
  on('LONG', [bash('sleep 300', { initial_wait: 300 }), { text: 'I stop as told.' }]),
  on('ASK', [
    { tools: [{ name: 'ask_parent', arguments: { question: 'Red or blue?', choices: ['red', 'blue'] } }] },
    { text: 'Thank you.' },
  ]),
  on('BROKEN', [{ text: 'It works, I am sure.' }]),
];

let folder: TemporaryFolder;
let model: ScriptedModel;
let home: string;
let repo: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  home = join(folder.path, 'home');
  repo = join(folder.path, 'repo');
  model = await startScriptedModel(SCENARIOS);
  await execa('git', ['init', '-q', '-b', 'main', repo]);
  await execa('git', ['config', 'user.name', 'Test'], { cwd: repo });
  await execa('git', ['config', 'user.email', 'test@example.com'], { cwd: repo });
  await execa('git', ['commit', '-q', '--allow-empty', '-m', 'init'], { cwd: repo });
  const up = await subagents('up', '--detach');
  expect(up.stderr).not.toContain('error:');
  expect(up.exitCode).toBe(0);
});
afterAll(async () => {
  await subagents('down', '--now');
  await model.stop();
  await folder[Symbol.asyncDispose]();
});

const surroundings = () => ({ home, cwd: repo, env: model.env });
const subagents = async (...args: string[]): Promise<Ran> => await run(args, surroundings());
/** Runs a command with `--json` that is to succeed, and gives its object. */
const json = async (...args: string[]): Promise<unknown> => {
  const { exitCode, stdout, stderr } = await subagents(...args, '--json');
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  return JSON.parse(stdout);
};
const untilStatus = async (label: string, status: string): Promise<void> => {
  await vi.waitFor(
    async () => {
      const { subagents: rows } = listJson.parse(await json('list'));
      expect(rows.find((row) => row.label === label)?.status).toBe(status);
    },
    { timeout: PATIENCE_MS, interval: 200 },
  );
};

describe('a subagent that does its job', () => {
  it('is spawned, waited for, and shown with its evidence', async () => {
    const spawned = await subagents('spawn', 'quick', 'QUICK: add', 'a file', '--verify', 'test -f new.txt');
    expect(spawned.exitCode).toBe(0);
    expect(spawned.stdout).toMatch(/^accepted quick$/m);
    expect(spawned.stdout).toContain('subagents/quick');
    expect(spawned.stdout).toContain('subagents logs -f quick');
    expect(spawned.stdout).toMatch(
      /http:\/\/127\.0\.0\.1:\d+\/namespaces\/default\/workflows\/subagent%2Fdefault%2Fquick\//,
    );

    const waited = await subagents('wait', 'quick');
    expect(waited.exitCode).toBe(0);
    expect(waited.stdout).toContain('done quick');
    expect(waited.stdout).toContain('✓ test -f new.txt  exit 0');

    const { subagent } = showJson.parse(await json('show', 'quick'));
    expect(subagent).toMatchObject({
      status: 'done',
      label: 'quick',
      session: 'default',
      branch: 'subagents/quick',
    });
    expect(subagent.outcome?.evidence?.commits.map(({ subject }) => subject)).toEqual(['feat: add it']);
    const shown = await subagents('show', 'default/quick');
    expect(shown.stdout).toContain('Added new.txt.');
    expect(shown.stdout).toContain('feat: add it');
    // Not even its own words colour a terminal.
    expect(shown.stdout).not.toContain('\u001B');
    // A link that lets a browser in, to the page of the subagent.
    const page = new URL(subagent.url ?? '');
    const opened = new URL(openJson.parse(await json('open', 'quick')).url);
    expect(opened.origin).toBe(page.origin);
    expect(opened.searchParams.get('to')).toBe(page.pathname + page.search);
  });

  it('has a transcript with its task, its tool call and its words', async () => {
    const { stdout } = await subagents('logs', 'quick', '--json');
    const entries = stdout.split('\n').map((line) => logsJson.parse(JSON.parse(line)));
    expect(entries.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['task', 'tool', 'tool-result', 'message']),
    );
    const readable = (await subagents('logs', 'quick')).stdout;
    expect(readable).toContain('QUICK: add a file');
    expect(readable).toMatch(/▸ bash echo new/);
    expect(readable).toMatch(/✓ .*\d+m?s/);
  });

  it('is refused with the label of a live one, and cannot be steered or killed after its end', async () => {
    const steered = await subagents('steer', 'quick', 'more');
    expect(steered.exitCode).toBe(2);
    expect(steered.stderr).toMatch(/error: .*quick/);
    const killed = await subagents('kill', 'quick', '--json');
    expect(killed.exitCode).toBe(2);
    expect(killJson.parse(JSON.parse(killed.stdout)).kills).toMatchObject([
      { target: 'quick', error: { code: 'ALREADY_ENDED' } },
    ]);
  });
});

describe('a long one', () => {
  it('is listed with what it does, steered in the middle of its command, and killed with proof', async () => {
    const { subagent } = spawnJson.parse(await json('spawn', 'long', 'LONG task', '--session', 'night'));
    expect(subagent).toMatchObject({ session: 'night', label: 'long', run: 1, branch: 'subagents/long' });
    await vi.waitFor(
      async () => {
        const { subagents: rows } = listJson.parse(await json('list'));
        expect(rows.find(({ label }) => label === 'long')?.progress?.doing).toContain('sleep 300');
      },
      { timeout: PATIENCE_MS, interval: 200 },
    );
    expect((await subagents('list')).stdout).toMatch(/night\/long +working +.*sleep 300/);
    expect((await subagents('list', '--session', 'night')).stdout).not.toContain('quick');
    expect((await subagents('list', '--session', 'default')).stdout).not.toContain('long');

    const equal = spawnJson.parse(await json('spawn', 'long', 'LONG task', '--session', 'night'));
    expect(equal.subagent).toMatchObject({ run: 1, runId: subagent.runId, repeated: true });
    const again = await subagents('spawn', 'long', 'LONG other task', '--session', 'night', '--json');
    expect(again.exitCode).toBe(2);
    expect(failureJson.parse(JSON.parse(again.stderr)).error.code).toBe('LABEL_LIVE');

    const steered = steerJson.parse(await json('steer', 'night/long', 'Stop', 'now'));
    expect(steered.receipt.delivery).toBe('mid-turn');
    expect(showJson.parse(await json('show', 'lon')).subagent.steers.map(({ message }) => message)).toEqual([
      'Stop now',
    ]);

    const killed = killJson.parse(await json('kill', '--all', '--session', 'night'));
    expect(killed.kills).toMatchObject([
      { report: { status: 'killed', sweep: { left: [], proof: 'proven' } } },
    ]);
    const waited = await subagents('wait', 'night/long');
    expect(waited.exitCode).toBe(5);
    expect(waited.stdout).toContain('killed night/long');
    const shown = await subagents('show', 'night/long');
    expect(shown.stdout.match(/was running: .*sleep 300/g)).toHaveLength(1);
    expect(shown.stdout).not.toContain('Notes');
  });
});

describe('one that asks', () => {
  it('is answered from the command line; a wait that times out says so', async () => {
    await json('spawn', 'ask', 'ASK first');
    await untilStatus('ask', 'asking');
    const impatient = await subagents('wait', 'ask', '--timeout', '1s', '--json');
    expect(impatient.exitCode).toBe(4);
    expect(waitJson.parse(JSON.parse(impatient.stdout))).toMatchObject({
      ended: [],
      pending: [{ label: 'ask' }],
      timedOut: true,
    });
    expect((await subagents('show', 'ask')).stdout).toContain('Red or blue?');
    expect(answerJson.parse(await json('answer', 'ask', 'red'))).toMatchObject({ answered: true });
    expect((await subagents('wait', 'ask')).exitCode).toBe(0);
  });
});

describe('one that does not verify', () => {
  it('makes `spawn --wait` exit 1, and shows which command and why', async () => {
    const { exitCode, stdout } = await subagents(
      'spawn',
      'broken',
      'BROKEN',
      '--wait',
      '--verify',
      'ls no-such-file',
    );
    expect(exitCode).toBe(1);
    expect(stdout).toContain('failed broken');
    expect(stdout).toContain('✗ ls no-such-file');
    expect((await subagents('show', 'broken')).stdout).toMatch(/\| ls: .*no-such-file/);
  });
});

describe('announcements', () => {
  const lines = async (...args: string[]) => {
    const { stdout } = await subagents('announcements', ...args, '--json');
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => announcementsJson.parse(JSON.parse(line)));
  };

  it('are shown without being acknowledged, and taken with --ack or one by one', async () => {
    const shown = await lines();
    expect(shown.map(({ kind, label }) => [label, kind])).toEqual([
      ['quick', 'completed'],
      ['ask', 'question'],
      ['ask', 'completed'],
      ['broken', 'failed'],
    ]);
    expect(await lines()).toEqual(shown);

    const next = await subagents('wait', '--next', '--json');
    expect(waitNextJson.parse(JSON.parse(next.stdout)).announcement?.id).toBe(shown[0]?.id);
    expect((await lines()).map(({ id }) => id)).toEqual(shown.slice(1).map(({ id }) => id));

    expect((await lines('--ack')).length).toBe(3);
    expect(await lines()).toEqual([]);
    expect((await lines('--session', 'night')).map(({ kind }) => kind)).toEqual(['killed']);
  });

  it('none is left and nobody lives: `wait --next` says so instead of waiting for ever', async () => {
    const { exitCode, stderr } = await subagents('wait', '--next');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('no unacknowledged announcement');
  });

  it('are pushed to a follower as they come', async () => {
    const follower = start(['announcements', '-f', '--receiver', 'follower', '--json'], surroundings());
    let output = '';
    follower.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    try {
      await json('spawn', 'later', 'BROKEN too');
      await vi.waitFor(() => expect(output).toContain('"label":"later"'), { timeout: PATIENCE_MS });
    } finally {
      follower.kill('SIGINT');
    }
    expect((await follower).exitCode).toBe(130);
  });
});

describe('targets', () => {
  it('that are none or could be several list candidates', async () => {
    const unknown = await subagents('show', 'quik');
    expect(unknown.exitCode).toBe(2);
    expect(unknown.stderr).toContain('default/quick');
    const nothing = await subagents('show', 'quick@7', '--json');
    expect(failureJson.parse(JSON.parse(nothing.stderr)).error.code).toBe('UNKNOWN_TARGET');
  });

  it('complete at the prompt', async () => {
    // On a machine that is too busy to answer a prompt in time there are none.
    const completed = (pattern: RegExp, ...words: string[]) =>
      vi.waitFor(async () => expect((await subagents('__complete', ...words)).stdout).toMatch(pattern), {
        timeout: PATIENCE_MS,
      });
    await completed(/^quick\tdone: /, 'show', 'qu');
    await completed(/^night\t/m, '--session', '');
  });
});

describe('a bad place to work', () => {
  it('is refused before anything starts', async () => {
    const notThere = await subagents('spawn', 'x', 'y', '--repo', '/nowhere/at/all');
    expect(notThere.exitCode).toBe(2);
    expect(notThere.stderr).toContain('/nowhere/at/all');
    const unknownBase = await subagents('spawn', 'x', 'y', '--base', 'no-such-branch');
    expect(unknownBase.exitCode).toBe(2);
    expect(unknownBase.stderr).toContain('no-such-branch');
    const noRepository = await run(['spawn', 'x', 'y'], { ...surroundings(), cwd: folder.path });
    expect(noRepository.exitCode).toBe(2);
    expect((await subagents('show', 'x')).exitCode).toBe(2);
  });
});

describe('watch, not on a terminal', () => {
  it('prints the list again when something changes, and ends on Ctrl-C', async () => {
    const watching = start(['watch', '--json', '--interval', '100ms'], surroundings());
    let output = '';
    watching.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    try {
      await vi.waitFor(() => expect(output).toContain('\n'), { timeout: PATIENCE_MS });
    } finally {
      watching.kill('SIGINT');
    }
    expect((await watching).exitCode).toBe(130);
    const [first = ''] = output.split('\n');
    expect(listJson.parse(JSON.parse(first)).subagents.length).toBeGreaterThan(3);
  });
});
