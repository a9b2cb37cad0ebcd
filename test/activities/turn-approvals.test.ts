/** Tool calls that need an approval, on a real Copilot runtime that dies at every moment in between. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CallDecision, TurnInput, TurnResult } from '../../src/contract/index.ts';
import { readPermissionRequests } from '../../src/copilot/log/event-log.ts';
import { stopCopilotSession } from '../../src/copilot/session/close.ts';
import { findProcesses } from '../../src/home/processes.ts';
import { bash, on, TurnBench, until } from '../support/turns.ts';

const command = (text: string) => ({ name: 'bash', arguments: { command: text, description: 'test' } });
const publish = (what: string) => command(`echo ${what} >>published`);
const RULE = 'path:write **/published';
const KIND = `commands of echo for which "${RULE}" of the spawn asks`;
const policies: TurnInput['policies'] = [{ layer: 'spawn', policy: { ask: [RULE] } }];
/** Runs a turn under the policy. */
const run = (input: Parameters<TurnBench['run']>[0]) => bench.run({ ...input, policies });

let bench: TurnBench;
beforeAll(async () => {
  bench = await TurnBench.start([
    on('once', [{ tools: [publish('v1')] }, { text: 'Published.' }]),
    on('no-thanks', [{ tools: [publish('v1')] }, { text: 'Not published.' }]),
    on('several', [
      { tools: [publish('a'), command('echo c >>free'), publish('b')] },
      { text: 'All published.' },
    ]),
    on('unheard', [{ tools: [publish('v1')] }, { text: 'Published.' }]),
    on('cut-off', [{ tools: [command('echo v1 >>published; sleep 60')] }, { text: 'Carried on.' }]),
    on('kinds', [{ tools: [publish('v1')] }, { tools: [publish('v2')] }, { text: 'Twice.' }]),
    on('both', [
      { tools: [publish('v1'), { name: 'ask_parent', arguments: { question: 'Which tag?' } }] },
      { text: 'Tagged.' },
    ]),
    on('beside', [{ tools: [publish('v1'), command('touch begun; sleep 61')] }, { text: 'Went on.' }]),
    on('server', [bash('sleep 62', { mode: 'async' }), { tools: [publish('v1')] }, { text: 'Noted.' }]),
    on('compound', [{ tools: [command('true && echo v1 >>published')] }, { text: 'Done.' }]),
    on('unknown', [{ tools: [command('$(echo echo) v1 >>published')] }, { text: 'Done.' }]),
    on('denied', [{ tools: [publish('v1')] }, { text: 'Done.' }]),
    on('secretive', [{ tools: [publish('canary-0123456789-secret')] }, { text: 'Done.' }]),
    on('cancels', [{ tools: [publish('v1')] }, { text: 'Published.' }]),
    {
      when: ({ userMessages }) => userMessages.at(-1)?.includes('publish the rest') ?? false,
      steps: ({ answers, news }) =>
        answers === 0 ? { tools: [publish('sub')] } : { text: `I was told: ${news}` },
    },
    on('delegates', ({ answers, text }) => {
      const task = { name: 'helper', description: 'help', agent_type: 'general-purpose', mode: 'sync' };
      if (answers === 0)
        return { tools: [{ name: 'task', arguments: { ...task, prompt: 'publish the rest' } }] };
      return { text: text.includes('only the main agent loop can ask') ? 'It could not.' : 'It could.' };
    }),
  ]);
});
afterAll(() => bench.close());

function approvals(result: TurnResult) {
  if (result.kind !== 'question') throw new Error(`no approval but ${JSON.stringify(result)}`);
  return result.approvals ?? [];
}
const decide = (result: TurnResult, approved: boolean, text?: string): CallDecision[] =>
  approvals(result).map(({ id, what }) => ({ id, what, approved, ...(text !== undefined && { text }) }));
const onward = (decisions: CallDecision[], turn = 2) => ({ turn, prompt: '', answers: [], decisions });
const lines = async (cwd: string, file = 'published'): Promise<string[]> => {
  const path = join(cwd, file);
  return existsSync(path) ? (await readFile(path, 'utf8')).trim().split('\n') : [];
};
const told = () => bench.model.requests.at(-1)?.conversation;

describe('a call that needs an approval', () => {
  it('ends the turn, has not run, and runs once when it is approved', async () => {
    const at = await bench.subagent('once');
    const asked = await run(at).result;
    expect(approvals(asked)).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{8}$/) as string,
        tool: 'bash',
        what: 'echo v1 >>published',
        rule: RULE,
        layer: 'spawn',
        reason: 'because of published',
        always: KIND,
      },
    ]);
    expect(asked).toMatchObject({
      kind: 'question',
      questions: [],
      usage: { modelRequests: 1, toolCalls: 1 },
    });
    expect(bench.pool.turns.get(at.subagent.copilotSessionId)).toBeUndefined();
    expect(await lines(at.cwd)).toEqual([]);
    const result = await run({ ...at, ...onward(decide(asked, true)) }).result;
    expect(result).toMatchObject({
      kind: 'finished',
      report: 'Published.',
      usage: { modelRequests: 1, toolCalls: 0 },
    });
    expect(await lines(at.cwd)).toEqual(['v1']);
    expect(told()?.userMessages).toHaveLength(1);
  });

  it('that is rejected does not run, and the model has the words', async () => {
    const at = await bench.subagent('no-thanks');
    const asked = await run(at).result;
    await bench.restart();
    const result = await run({ ...at, ...onward(decide(asked, false, 'Not before the review.')) }).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'Not published.' });
    expect(await lines(at.cwd)).toEqual([]);
    expect(told()?.toolResults.at(-1)).toContain('Not before the review.');
  });

  it('among several waits only for its own decision, and each is decided by itself', async () => {
    const at = await bench.subagent('several');
    const asked = await run(at).result;
    expect(
      approvals(asked)
        .map(({ what }) => what)
        .sort(),
    ).toEqual(['echo a >>published', 'echo b >>published']);
    expect(await lines(at.cwd, 'free')).toEqual(['c']);
    const runtime = await bench.replaceWorker();
    process.kill(runtime.pid, 'SIGKILL');
    const decisions = decide(asked, true).map((each) => ({ ...each, approved: each.what.includes(' b ') }));
    const result = await run({ ...at, ...onward(decisions) }).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'All published.' });
    expect(await lines(at.cwd)).toEqual(['b']);
    expect(await lines(at.cwd, 'free')).toEqual(['c']);
  });

  it('of which nobody heard is asked for again from the log, under its id and without the model', async () => {
    const at = await bench.subagent('unheard');
    const asked = await run(at).result;
    await bench.killRuntime();
    const before = bench.model.requests.length;
    const again = await run({ ...at, lostBefore: 1 }).result;
    expect(approvals(again)).toEqual(approvals(asked));
    expect(bench.model.requests.length).toBe(before);
    await bench.killRuntime();
    const result = await run({ ...at, ...onward(decide(asked, true)) }).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'Published.' });
    expect(await lines(at.cwd)).toEqual(['v1']);
  });

  it('is not made twice when everything dies while it runs', async () => {
    const at = await bench.subagent('cut-off');
    const asked = await run(at).result;
    const input = { ...at, ...onward(decide(asked, true)) };
    const running = run(input);
    await until('the call to run', async () => (await lines(at.cwd)).length > 0);
    await bench.killRuntime();
    expect(await running.result).toMatchObject({ kind: 'lost', who: 'runtime' });
    const result = await run({ ...input, lostBefore: 1 }).result;
    expect(result).toMatchObject({
      kind: 'finished',
      report: 'Carried on.',
      notes: [expect.stringContaining('was running when its worker stopped')],
    });
    expect(await lines(at.cwd)).toEqual(['v1']);
  });

  it('is not asked for again once its kind is approved', async () => {
    const at = await bench.subagent('kinds');
    const asked = await run(at).result;
    const result = await run({ ...at, ...onward(decide(asked, true)), approvedKinds: [KIND] }).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'Twice.' });
    expect(await lines(at.cwd)).toEqual(['v1', 'v2']);
  });

  it('is asked for each time without that', async () => {
    const at = await bench.subagent('kinds-each');
    const first = await run(at).result;
    const second = await run({ ...at, ...onward(decide(first, true)) }).result;
    expect(approvals(second).map(({ what }) => what)).toEqual(['echo v2 >>published']);
    expect(approvals(second)[0]?.id).not.toBe(approvals(first)[0]?.id);
    const result = await run({ ...at, ...onward(decide(second, true), 3) }).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'Twice.' });
    expect(await lines(at.cwd)).toEqual(['v1', 'v2']);
  });

  it('waits together with a question, and both are answered in one turn', async () => {
    const at = await bench.subagent('both');
    const asked = await run(at).result;
    if (asked.kind !== 'question') throw new Error(JSON.stringify(asked));
    expect([asked.questions.length, approvals(asked).length]).toEqual([1, 1]);
    await bench.restart();
    const answers = asked.questions.map(({ requestId }) => ({ requestId, answer: 'v1' }));
    const result = await run({ ...at, ...onward(decide(asked, true)), answers }).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'Tagged.' });
    expect(await lines(at.cwd)).toEqual(['v1']);
    expect(told()?.toolResults).toContain('v1');
  });

  it('beside a call that a crash interrupts is still asked for, and the other is told of', async () => {
    const at = await bench.subagent('beside');
    const running = run(at);
    await until('the other call to run', () => existsSync(join(at.cwd, 'begun')));
    // The other call has a request of its own, which may be saved first.
    await until('the request to be saved', async () =>
      [...(await readPermissionRequests(bench.copilotHome, at.subagent.copilotSessionId)).values()].some(
        (request) => request.kind === 'shell' && request.fullCommandText === 'echo v1 >>published',
      ),
    );
    await bench.killRuntime();
    expect(await running.result).toMatchObject({ kind: 'lost' });
    const asked = await run({ ...at, lostBefore: 1 }).result;
    expect(approvals(asked).map(({ what }) => what)).toEqual(['echo v1 >>published']);
    const result = await run({ ...at, ...onward(decide(asked, true)) }).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'Went on.' });
    expect(await lines(at.cwd)).toEqual(['v1']);
    expect(told()?.toolResults.join()).toContain('interrupted');
  });

  it('ends what runs in the background, and the model hears of it', async () => {
    const at = await bench.subagent('server');
    const asked = await run(at).result;
    await stopCopilotSession(bench.pool, at.subagent, { abort: false, over: false });
    await until('the server to end', () => findProcesses(at.subagent.copilotSessionId).length === 0);
    const result = await run({ ...at, ...onward(decide(asked, true)) }).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'Noted.' });
    expect(told()?.userMessages.at(-1)).toContain('* bash: sleep 62');
    expect(await lines(at.cwd)).toEqual(['v1']);
  });

  it.each([
    ['of two programs', 'true && echo v1 >>published'],
    ['of a program that is not known', '$(echo echo) v1 >>published'],
  ])('%s is of no kind that can be approved for always', async (_what, text) => {
    const at = await bench.subagent(text.startsWith('true') ? 'compound' : 'unknown');
    const [call] = approvals(await run(at).result);
    expect(call?.what).toBe(text);
    expect(call).not.toHaveProperty('always');
  });

  it('is refused where a policy denies it, whatever was approved', async () => {
    const at = await bench.subagent('denied');
    const denying: TurnInput['policies'] = [...policies, { layer: 'worker', policy: { deny: [RULE] } }];
    const result = await bench.run({ ...at, policies: denying, approvedKinds: [KIND] }).result;
    expect(result).toMatchObject({ kind: 'finished', denials: [{ tool: 'bash', count: 1 }] });
    expect(await lines(at.cwd)).toEqual([]);
  });

  it('has no secret in what is shown of it', async () => {
    bench.env = { SOME_API_KEY: 'canary-0123456789-secret' };
    await bench.restart();
    const at = await bench.subagent('secretive');
    const [call] = approvals(await run(at).result);
    expect(call?.what).not.toContain('canary');
    expect(call?.what).toContain('>>published');
  });

  it('of one of its own sub-agents is refused at once', async () => {
    const at = await bench.subagent('delegates');
    const result = await run(at).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'It could not.' });
    expect(await lines(at.cwd)).toEqual([]);
  });

  it('of a run before is not made in the next one, whatever is decided', async () => {
    const at = await bench.subagent('cancels');
    const asked = await run(at).result;
    const subagent = { ...at.subagent, run: 2 };
    const result = await run({ ...at, subagent, turn: 1, prompt: 'cancels again' }).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'Published.' });
    expect(approvals(asked)).toHaveLength(1);
    expect(await lines(at.cwd)).toEqual([]);
  });
});
