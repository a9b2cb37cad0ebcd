/** Tool calls that need an approval, from the announcement to the outcome, through every face and across every crash. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approvalsJson, decisionJson } from '../../src/cli/json.ts';
import type { SubagentHandle, Subagents } from '../../src/client/index.ts';
import { run } from '../cli/command.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { startMcp } from '../support/mcp.ts';
import { bash, on } from '../support/turns.ts';
import { copilotRuntime } from '../support/world.ts';

const RULE = 'path:write **/published*';
const policy = { ask: [RULE] };

let folder: string;
let fleet: Fleet;
let subagents: Subagents;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'subagents-approvals-'));
  const publish = (what: string, label: string) =>
    bash(`echo ${what} >>${join(folder, `published-${label}`)}`);
  const once = (label: string) => on(label.toUpperCase(), [publish('v1', label), { text: 'Published.' }]);
  fleet = await startFleet(
    [
      ...['crash', 'expire', 'killed', 'mcp', 'dialog'].map(once),
      on('REJECT', ({ answers, news }) =>
        answers === 0 ? publish('v1', 'reject') : { text: `Told: ${news}` },
      ),
      on('ALWAYS', [publish('v1', 'always'), publish('v2', 'always'), { text: 'Twice.' }]),
      on('SEVERAL', [
        { tools: [...publish('a', 'several').tools, ...publish('b', 'several').tools] },
        { text: 'Both decided.' },
      ]),
      on('OTHER', [{ text: 'Nothing to do.' }]),
    ],
    { env: { SUBAGENTS_SLOTS: '1' } },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const published = async (label: string): Promise<string[]> => {
  const path = join(folder, `published-${label}`);
  return existsSync(path) ? (await readFile(path, 'utf8')).trim().split('\n') : [];
};
const spawn = (label: string, more: object = {}) =>
  subagents
    .session('approvals')
    .spawn({ label, task: label.toUpperCase(), policy, ...more }, { cwd: fleet.repository.path });

/** Waits until the subagent waits for approvals, and has given its slot back. */
async function open(subagent: SubagentHandle, count = 1) {
  await eventually(async () => (await subagent.describe()).approvals.length === count);
  return (await subagent.describe()).approvals;
}
const command = (...args: string[]) =>
  run(['--address', fleet.server.address, '-s', 'approvals', ...args], {
    home: fleet.home,
    cwd: fleet.repository.path,
    env: { SUBAGENTS_HOST: 'devbox' },
  });

describe('a call that needs an approval', () => {
  it('is announced once, survives every crash without a slot, and is made once when it is approved', async () => {
    const subagent = await spawn('crash');
    const [call] = await open(subagent);
    expect(call).toMatchObject({
      tool: 'bash',
      rule: RULE,
      layer: 'spawn',
      what: expect.stringContaining('echo v1') as string,
    });
    const { id } = call!;
    const announced = (await subagents.session('approvals').peek()).filter(({ label }) => label === 'crash');
    expect(announced.map(({ kind, approval, status }) => [kind, approval, status])).toEqual([
      ['approval', id, 'asking'],
    ]);
    expect((await subagent.describe()).stalled).toMatchObject({
      reason: 'approval',
      detail: expect.stringMatching(/^waits for approval: bash: echo v1/) as string,
    });
    // The only slot is free for another.
    const other = await spawn('other');
    expect((await other.result()).status).toBe('done');

    process.kill(copilotRuntime(fleet), 'SIGKILL');
    await fleet.worker.kill();
    await fleet.restartServer('crash');
    await fleet.startWorker();

    const listed = await command('approvals', '--json');
    expect(
      approvalsJson.parse(JSON.parse(listed.stdout)).approvals.map(({ label, id }) => [label, id]),
    ).toEqual([['crash', id]]);
    expect((await command('approvals')).stdout).toContain(`subagents approve approvals/crash -a ${id}`);
    const wrong = await command('approve', 'crash', '-a', '00000000');
    expect([wrong.exitCode, wrong.stderr]).toEqual([
      2,
      expect.stringContaining(`there is no approval 00000000`),
    ]);
    expect(await published('crash')).toEqual([]);

    const approved = await command('approve', 'crash', '-a', id, 'reviewed', 'it', '--json');
    expect(decisionJson.parse(JSON.parse(approved.stdout))).toMatchObject({
      approvalId: id,
      decision: 'approved',
      open: [],
    });
    const outcome = await subagent.result();
    expect(outcome).toMatchObject({ status: 'done', report: 'Published.', denials: [] });
    expect(await published('crash')).toEqual(['v1']);
    const by = expect.stringMatching(/^[^@ ]+@devbox \(terminal\)$/) as string;
    expect(outcome.approvals).toEqual([
      { ...call, decision: 'approved', by, why: 'reviewed it', decidedAt: expect.any(String) as string },
    ]);
    expect(outcome.audit?.map(({ action }) => action)).toEqual(['spawn', 'approve']);
    expect((await command('show', 'crash')).stdout).toMatch(
      /Approvals\n {2}approved by [^@ ]+@devbox \(terminal\), .*: reviewed it/,
    );
    const late = await command('reject', 'crash', '-a', id);
    expect([late.exitCode, late.stderr]).toEqual([2, expect.stringContaining('has ended')]);
  });

  it('that is rejected tells the subagent why, and is not made', async () => {
    const subagent = await spawn('reject');
    await open(subagent);
    const receipt = await subagent.reject({ why: 'Nothing is published on a Friday.' });
    expect(receipt).toMatchObject({ decision: 'rejected', repeated: false });
    const outcome = await subagent.result();
    expect(outcome.report).toContain('Nothing is published on a Friday.');
    expect(outcome.approvals).toMatchObject([
      { decision: 'rejected', why: 'Nothing is published on a Friday.' },
    ]);
    expect(await published('reject')).toEqual([]);
  });

  it('is not asked for again after an approval for always, also not after the death of the worker', async () => {
    const subagent = await spawn('always');
    const [call] = await open(subagent);
    expect(call?.always).toBe(`commands of echo for which "${RULE}" of the spawn asks`);
    await fleet.worker.kill();
    await fleet.startWorker();
    const receipt = await subagent.approve({ always: true });
    expect(receipt).toMatchObject({ decision: 'approved-always', always: call?.always });
    const outcome = await subagent.result();
    expect(outcome.report).toBe('Twice.');
    expect(await published('always')).toEqual(['v1', 'v2']);
    expect(outcome.approvals?.map(({ decision }) => decision)).toEqual(['approved-always']);
    // In the next run it is asked for again.
    const next = await subagent.continue('ALWAYS again');
    await next.kill();
  });

  it('of several must be named, and a decision counts for no other', async () => {
    const subagent = await spawn('several');
    const calls = await open(subagent, 2);
    const unnamed = await command('approve', 'several');
    expect(unnamed.exitCode).toBe(2);
    for (const { id } of calls) expect(unnamed.stderr).toContain(id);
    const b = calls.find(({ what }) => what.includes('echo b'));
    const receipt = await subagent.approve({ approvalId: b!.id });
    expect(receipt.open.map(({ id }) => id)).toEqual(
      calls.filter(({ id }) => id !== b!.id).map(({ id }) => id),
    );
    await expect(subagent.reject({ approvalId: b!.id })).rejects.toMatchObject({ code: 'ALREADY_DECIDED' });
    await expect(subagent.approve()).rejects.toMatchObject({ code: 'WHICH_APPROVAL' });
    await subagent.reject({ approvalId: receipt.open[0]!.id });
    expect((await subagent.result()).report).toBe('Both decided.');
    expect(await published('several')).toEqual(['b']);
  });

  it('expires by its setting, which counts as rejected', async () => {
    const subagent = await spawn('expire', { approvalTimeout: '1s' });
    const outcome = await subagent.result();
    expect(outcome.approvals).toMatchObject([{ decision: 'expired' }]);
    expect(outcome.approvals?.[0]).not.toHaveProperty('by');
    expect(await published('expire')).toEqual([]);
  });

  it('that is open when the subagent is killed is withdrawn', async () => {
    const subagent = await spawn('killed');
    const [call] = await open(subagent);
    const { outcome } = await subagent.kill();
    expect(outcome).toMatchObject({ status: 'killed', approvals: [{ id: call!.id, decision: 'withdrawn' }] });
    expect(outcome.notes).toContain('it ended while 1 tool call waited for an approval');
    expect(await subagents.session('approvals').approvals()).toEqual([]);
    expect(await published('killed')).toEqual([]);
  });
});

describe('the model of a main agent', () => {
  const environment = () => ({
    HOME: fleet.target.env?.['HOME'] ?? '',
    SUBAGENTS_HOME: fleet.home,
    TEMPORAL_ADDRESS: fleet.server.address,
  });
  const peer = (more: Partial<Parameters<typeof startMcp>[0]> = {}) =>
    startMcp({ cwd: fleet.repository.path, env: environment(), args: ['--session', 'approvals'], ...more });

  it('cannot approve where nobody can be asked, and is told the command for a terminal', async () => {
    const subagent = await spawn('mcp');
    const [call] = await open(subagent);
    await using agent = await peer();
    const shown = await agent.call('subagents', { action: 'approvals' });
    expect(shown.text).toContain(`mcp@1: asking, waits for approval (${call!.id})`);
    expect(shown.text).toContain('| bash: echo v1');
    const answer = await agent.call('subagents', { action: 'approve', target: 'mcp' });
    expect(answer.isError).toBe(true);
    expect(answer.text).toContain('NEEDS_HUMAN');
    expect(answer.text).toContain(`subagents --session approvals approve mcp@1 -a ${call!.id}`);
    const rejected = await agent.call('subagents', { action: 'reject', target: 'mcp', message: 'Not now.' });
    expect(rejected.text).toContain(`rejected: ${call!.id}`);
    const outcome = await subagent.result();
    expect(outcome.approvals).toMatchObject([{ decision: 'rejected', why: 'Not now.' }]);
    expect(outcome.approvals?.[0]?.by).toMatch(/ \(mcp\)$/);
  });

  it('has the human asked in a dialog of its client', async () => {
    const subagent = await spawn('dialog');
    await open(subagent);
    const asked: string[] = [];
    const choices = ['Decide later', 'Approve this call'];
    await using agent = await peer({
      elicit: (message) => {
        asked.push(message);
        return choices.shift();
      },
    });
    const later = await agent.call('subagents', { action: 'approve', target: 'dialog' });
    expect(later.text).toContain('The human has not decided.');
    expect((await subagent.describe()).approvals).toHaveLength(1);
    const approved = await agent.call('subagents', { action: 'approve', target: 'dialog' });
    expect(approved.text).toContain('approved: ');
    expect(asked).toHaveLength(2);
    expect(asked[0]).toContain('bash: echo v1');
    expect((await subagent.result()).status).toBe('done');
    expect(await published('dialog')).toEqual(['v1']);
  });
});
