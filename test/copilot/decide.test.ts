import { describe, expect, it } from 'vitest';
import { decideTurn } from '../../src/copilot/turn/decide.ts';
import { resumedMarker } from '../../src/prompts/index.ts';
import { readEvent, type CopilotEvent } from '../../src/copilot/log/events.ts';

const MARKER = '[subagent fix@1, turn 2]';
let clock = 0;
function event(type: string, data: object = {}, agentId?: string): CopilotEvent {
  const timestamp = new Date(1_700_000_000_000 + clock++).toISOString();
  const known = readEvent({ type, timestamp, data, ...(agentId !== undefined && { agentId }) } as {
    type: string;
  });
  if (known === undefined) throw new Error(`not an event of ours: ${type}`);
  return known;
}
const user = (content: string) => event('user.message', { content });
const start = () => event('assistant.turn_start');
const says = (content: string, calls: string[] = [], agentId?: string) =>
  event(
    'assistant.message',
    { content, toolRequests: calls.map((toolCallId) => ({ toolCallId, name: 'bash' })) },
    agentId,
  );
const runs = (toolCallId: string, toolName = 'bash', args: object = { command: `run ${toolCallId}` }) =>
  event('tool.execution_start', { toolCallId, toolName, arguments: args });
const done = (toolCallId: string, content = 'ok') =>
  event('tool.execution_complete', {
    toolCallId,
    success: true,
    result: { content },
    ...(!content.includes('background') && { shellExecution: { exitCode: 0 } }),
  });
const cut = (toolCallId: string) =>
  event('tool.execution_complete', {
    toolCallId,
    success: false,
    error: { message: 'interrupted', code: 'interrupted' },
  });
const asks = (toolCallId: string) => [
  runs(toolCallId, 'ask_parent', { question: `${toolCallId}?` }),
  event('external_tool.requested', {
    requestId: `request-${toolCallId}`,
    toolCallId,
    toolName: 'ask_parent',
    arguments: { question: `${toolCallId}?` },
  }),
];
const answered = (toolCallId: string) => [
  event('external_tool.completed', { requestId: `request-${toolCallId}` }),
  done(toolCallId, 'an answer'),
];
const spends = (inputTokens: number) =>
  event('session.usage_record', { usage: { inputTokens, outputTokens: 1 } });

const earlier = [user('[subagent fix@1, turn 1]\nthe task'), start(), spends(1_000), says('first report')];
const opened = [...earlier, user(`${MARKER}\nrepair it`), start()];
const what = (events: readonly CopilotEvent[], answers?: string[]) =>
  decideTurn(events, { marker: MARKER, ...(answers && { answers }) })[0];

describe('a turn that the log', () => {
  it('does not have is sent', () => {
    expect(what([])).toEqual({ do: 'send' });
    expect(what(earlier)).toEqual({ do: 'send' });
    // A message that only quotes the marker opens nothing.
    expect(what([...earlier, user(`as ${MARKER} said`)])).toEqual({ do: 'send' });
    expect(what([user('[subagent fix@1, turn 22]\nlater')])).toEqual({ do: 'send' });
  });

  it('has without an end goes on', () => {
    expect(what(opened)).toEqual({ do: 'continue' });
    expect(what([...opened, says('on it', ['a']), runs('a')])).toEqual({ do: 'continue' });
    expect(what([...opened, says('on it', ['a']), runs('a'), done('a')])).toEqual({ do: 'continue' });
    expect(what([...opened, says('done?'), user('[message from the main agent, s]\nno')])).toEqual({
      do: 'continue',
    });
  });

  it('has with a final message is over', () => {
    expect(what([...opened, says('on it', ['a']), runs('a'), done('a'), start(), says('The end.')])).toEqual({
      do: 'report',
      report: 'The end.',
    });
    expect(what([...opened, says('inner', [], 'explore'), says('The end.')])).toMatchObject({
      report: 'The end.',
    });
    expect(what([...opened, says('The end.', [], 'explore')])).toEqual({ do: 'continue' });
  });

  it('has with a failure or an interruption goes on: whoever runs it again wants that', () => {
    const failed = event('session.error', { errorType: 'query', message: 'boom', statusCode: 500 });
    expect(what([...opened, failed])).toEqual({ do: 'continue' });
    expect(what([...opened, event('abort', { reason: 'user_abort' })])).toEqual({ do: 'continue' });
  });

  it('has with a command left in the background goes on, until the model was told', () => {
    const left = [
      ...opened,
      says('', ['a']),
      runs('a', 'bash', { command: 'npm test' }),
      done('a', '<command started in background with shellId: 0>'),
      says('Waiting for the tests.'),
    ];
    const [decision, state] = decideTurn(left, { marker: MARKER });
    expect(decision).toEqual({ do: 'continue' });
    expect([...state.shells.values()]).toEqual(['bash: npm test']);

    const ended = event('system.notification', {
      content: 'completed',
      kind: { type: 'shell_completed', shellId: '0' },
    });
    expect(what([...left, ended, says('They passed.')])).toMatchObject({ do: 'report' });
    const told = user(`${resumedMarker(MARKER)}\nit was ended`);
    expect(what([...left, told, start(), says('Then I stop here.')])).toMatchObject({ do: 'report' });
  });

  it('has with an open question asks', () => {
    expect(what([...opened, says('', ['q']), ...asks('q')])).toEqual({ do: 'ask' });
    expect(what([...opened, says('', ['a', 'q']), runs('a'), ...asks('q')])).toEqual({ do: 'ask' });
  });
});

describe('a turn of answers', () => {
  const asked = [...opened, spends(500), says('', ['p', 'q']), ...asks('p'), ...asks('q')];
  const both = ['request-p', 'request-q'];

  it('answers what is open', () => {
    expect(what(asked, both)).toEqual({ do: 'answer', requestIds: both, permissions: [] });
    expect(what([...asked, ...answered('q')], both)).toEqual({
      do: 'answer',
      requestIds: ['request-p'],
      permissions: [],
    });
  });

  it('tells answers that were given and did not get into the conversation', () => {
    const given = event('external_tool.completed', { requestId: 'request-p' });
    expect(what([...asked, given], both)).toEqual({ do: 'send-answers' });
    expect(what([...asked, ...answered('q'), given], both)).toEqual({ do: 'send-answers' });
    // The calls are given up, and the message is not there yet.
    expect(what([...asked, given, cut('p'), cut('q')], both)).toEqual({ do: 'send-answers' });
    // Once told, and the calls given up, it goes on.
    const told = [given, cut('p'), cut('q'), user(`${resumedMarker(MARKER)}\nThe main agent answers`)];
    expect(what([...asked, ...told], both)).toEqual({ do: 'continue' });
  });

  it('asks again for what nobody answered', () => {
    expect(what([...asked, ...answered('q')], ['request-q'])).toEqual({ do: 'ask' });
  });

  it('goes on, and ends, once everything is answered', () => {
    const going = [...asked, ...answered('q'), ...answered('p')];
    expect(what(going, both)).toEqual({ do: 'continue' });
    expect(what([...going, start(), says('Known.')], both)).toEqual({ do: 'report', report: 'Known.' });
  });

  it('whose questions are gone is told like a prompt', () => {
    expect(what([], both)).toEqual({ do: 'send' });
  });

  it('counts from the question on', () => {
    const [, state] = decideTurn([...asked, ...answered('p'), ...answered('q'), spends(7)], {
      marker: MARKER,
      answers: both,
    });
    expect(state.usage).toMatchObject({ inputTokens: 7, modelRequests: 1 });
  });
});

describe('a turn of decisions', () => {
  const needs = (id: string, agentId?: string) =>
    event(
      'permission.requested',
      { requestId: `permission-${id}`, permissionRequest: { kind: 'shell', toolCallId: id } },
      agentId,
    );
  const given = (id: string) => event('permission.completed', { requestId: `permission-${id}` });
  const held = [...opened, spends(500), says('', ['p', 'q']), runs('p'), runs('q'), needs('p'), needs('q')];
  const key = { marker: MARKER, answers: [], decisions: ['permissi'] };
  const decided = (events: CopilotEvent[]) => decideTurn(events, key);

  it('opens the conversation again for requests that nobody has answered, and counts none as interrupted', () => {
    for (const [decision, state] of [decided(held), decideTurn(held, { marker: MARKER })]) {
      expect(decision).toEqual({
        do: 'answer',
        requestIds: [],
        permissions: ['permission-p', 'permission-q'],
      });
      expect([...state.openTools.keys()]).toEqual(['p', 'q']);
      expect([...state.interrupted]).toEqual([]);
      // What waits for an approval is not in the log: the requests are judged again.
      expect(state.isWaitingForAnswers).toBe(false);
      state.holdForApproval('permission-p', { tool: 'bash', what: 'a' });
      expect(state.isWaitingForAnswers).toBe(false);
      state.holdForApproval('permission-q', { tool: 'bash', what: 'b' });
      expect(state.isWaitingForAnswers).toBe(true);
      expect(state.approvals.map(({ what }) => what)).toEqual(['a', 'b']);
    }
  });

  it('goes on with the rest when some are answered, and with the model when all are', () => {
    const one = [...held, given('p'), runs('p'), done('p')];
    expect(decided(one)[0]).toMatchObject({ do: 'answer', permissions: ['permission-q'] });
    const [decision, state] = decided([...one, given('q'), done('q')]);
    expect(decision).toEqual({ do: 'continue' });
    // A call that starts again once it is approved is one call, and the model was asked in the turn before.
    expect(state.usage).toMatchObject({ toolCalls: 0, modelRequests: 0 });
  });

  it('counts a call as interrupted that was approved and has no result', () => {
    const [decision, state] = decided([...held, given('q'), done('q'), given('p'), runs('p')]);
    expect(decision).toEqual({ do: 'continue' });
    expect([...state.interrupted.keys()]).toEqual(['p']);
  });

  it('does not wait for what an abort, a hook or a sub-agent has to do with', () => {
    expect(decided([...held, event('abort', { reason: 'user_abort' })])[0]).toEqual({ do: 'continue' });
    expect(what([...opened, needs('p', 'explore')])).toEqual({ do: 'continue' });
    const hooked = event('permission.requested', {
      requestId: 'permission-p',
      permissionRequest: { kind: 'shell', toolCallId: 'p' },
      resolvedByHook: true,
    });
    expect(decided([...opened, runs('p'), hooked])[0]).toEqual({ do: 'continue' });
  });
});

describe('the state of a resumed turn', () => {
  it('has the figures of all its attempts and of no other turn', () => {
    const [, state] = decideTurn([...opened, spends(10), says('', ['a']), runs('a'), done('a'), spends(20)], {
      marker: MARKER,
    });
    expect(state.usage).toEqual({
      inputTokens: 30,
      outputTokens: 2,
      cachedTokens: 0,
      modelRequests: 2,
      toolCalls: 1,
    });
  });

  it('has every tool call that was interrupted, each once', () => {
    const [, state] = decideTurn([...opened, says('', ['a', 'b']), runs('a'), cut('a'), runs('b')], {
      marker: MARKER,
    });
    expect([...state.interrupted.values()]).toEqual(['bash: run a', 'bash: run b']);
    expect(state.openTools.size).toBe(0);
  });

  it('has the results that were kept and that the log calls interrupted, until the model is told', () => {
    const two = [...opened, says('', ['a', 'b']), runs('a'), runs('b')];
    const kept = new Map([['b', 'result of b']]);
    const whole = (events: readonly CopilotEvent[], ended = kept) =>
      decideTurn(events, { marker: MARKER }, ended);
    for (const log of [two, [...two, cut('a'), cut('b')]]) {
      const [decision, state] = whole(log);
      expect(decision).toEqual({ do: 'continue' });
      expect([...state.interrupted.values()]).toEqual(['bash: run a']);
      expect([...state.unshown.values()]).toEqual([
        { toolCallId: 'b', what: 'bash: run b', result: 'result of b' },
      ]);
    }
    const told = user(`${resumedMarker(MARKER)}\n[result of b]\n    result of b`);
    const [, state] = whole([...two, cut('a'), cut('b'), told], new Map());
    expect(state.unshown.size).toBe(0);
    expect([...state.interrupted.values()]).toEqual(['bash: run a']);
    // The log has them all.
    expect(whole([...two, done('b')])[1].unshown.size).toBe(0);
    // What runs in the background from then on is gone as well.
    const started = new Map([['a', '<command started in background with shellId: 7>']]);
    expect([...whole([...two, cut('a')], started)[1].shells.values()]).toEqual(['bash: run a']);
  });

  it('has no call open that was stopped', () => {
    const log = [...opened, says('', ['a']), runs('a'), event('abort', { reason: 'user_abort' })];
    const [, state] = decideTurn([...log, says('', ['q']), ...asks('q')], { marker: MARKER });
    expect(state.isWaitingForAnswers).toBe(true);
    // The runtime calls a question given that it stops.
    const given = event('external_tool.completed', { requestId: 'request-q' });
    const stopped = [...opened, says('', ['a', 'q']), runs('a'), ...asks('q'), given, event('abort', {})];
    expect(what(stopped)).toEqual({ do: 'continue' });
    expect(decideTurn(stopped, { marker: MARKER })[1].isWaitingForAnswers).toBe(false);
    expect(what([...stopped, says('The end.')])).toMatchObject({ do: 'report' });
    expect(state.interrupted.size).toBe(0);
  });

  it('does not call a question interrupted: it is asked again', () => {
    const [, state] = decideTurn([...opened, says('', ['q']), runs('q', 'ask_parent'), cut('q')], {
      marker: MARKER,
    });
    expect(state.interrupted.size).toBe(0);
  });
});
