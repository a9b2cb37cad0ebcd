import { describe, expect, it } from 'vitest';
import type { CopilotEvent } from '../../src/copilot/log/events.ts';
import { TurnState } from '../../src/copilot/turn/turn-state.ts';
import { judgeTurn, type TurnLimits } from '../../src/copilot/turn/verdict.ts';

const NOW = 1_000_000;
const limits = { deadline: NOW + 60_000, stuckAfterMs: 600, hungModelMs: 200, since: 0 };
const event = (type: string, data: object = {}): CopilotEvent =>
  ({ type, timestamp: new Date(NOW).toISOString(), data }) as CopilotEvent;
const start = event('assistant.turn_start');
const final = event('assistant.message', { content: 'The end.', toolRequests: [] });
const shell = event('tool.execution_start', { toolCallId: 'a', toolName: 'bash', arguments: {} });
const ask = [
  event('tool.execution_start', { toolCallId: 'q', toolName: 'ask_parent', arguments: {} }),
  event('external_tool.requested', {
    requestId: 'r',
    toolCallId: 'q',
    toolName: 'ask_parent',
    arguments: { question: '?' },
  }),
];
const resting = event('assistant.idle');
const idle = (aborted = false) => event('session.idle', { aborted });

function verdict(
  events: CopilotEvent[],
  at: {
    silentMs?: number;
    restingMs?: number;
    /** Since the main loop said that it rests; default: since the last sign of life. */
    restedMs?: number;
    isDelivering?: boolean;
    deadline?: number;
    budget?: TurnLimits['budget'];
  } = {},
) {
  const state = new TurnState();
  for (const each of events) state.apply(each);
  const silentMs = at.silentMs ?? 0;
  const turn = {
    state,
    isDelivering: at.isDelivering ?? false,
    lastEventAt: NOW - silentMs,
    lastProgressAt: NOW - (at.restingMs ?? silentMs),
    lastIdleAt: NOW - (at.restedMs ?? silentMs),
  };
  return judgeTurn(turn, NOW, { ...limits, deadline: at.deadline ?? limits.deadline, budget: at.budget });
}

describe('a turn', () => {
  it('is over when the session is idle, not at its final message', () => {
    expect(verdict([start, final])).toBeUndefined();
    expect(verdict([start, final, resting])).toBeUndefined();
    expect(verdict([start, final, resting, idle()])).toBe('finished');
  });

  it('lets a message in that comes at its end, for a while', () => {
    expect(verdict([start, final, idle()], { isDelivering: true })).toBeUndefined();
    expect(verdict([start, final, idle()], { isDelivering: true, silentMs: 11_000 })).toBe('finished');
  });

  it('has failed when it ended with an error', () => {
    const error = event('session.error', { errorType: 'query', message: 'boom' });
    expect(verdict([start, error, resting, idle()])).toBe('failed');
    expect(verdict([start, error, resting, start, final, idle()])).toBe('finished');
  });

  it('is not kept from failing, or from going on, by what runs in the background', () => {
    const error = event('session.error', { errorType: 'query', message: 'boom' });
    const failed = [start, error, resting];
    expect(verdict(failed, { restedMs: 900 })).toBeUndefined();
    expect(verdict(failed, { restedMs: 1_100 })).toBe('failed');
    expect(verdict(failed, { restedMs: 1_100, isDelivering: true })).toBeUndefined();
    expect(verdict(failed, { restedMs: 11_000, isDelivering: true })).toBe('failed');
    expect(verdict([...failed, start], { restedMs: 1_100 })).toBeUndefined();
    expect(verdict([start, event('abort'), resting], { restedMs: 1_100 })).toBe('interrupted');
    expect(verdict([start, final, resting], { restedMs: 1_100, silentMs: 0 })).toBeUndefined();
  });

  it('asks when nothing but answers is waited for', () => {
    expect(verdict([start, ...ask])).toBe('question');
    expect(verdict([start, shell, ...ask])).toBeUndefined();
  });

  it('goes on after an interruption', () => {
    expect(verdict([start, event('abort'), resting, idle(true)])).toBe('interrupted');
  });

  it('is stuck when a tool is silent, hung when the model is', () => {
    expect(verdict([start, shell], { silentMs: 599 })).toBeUndefined();
    expect(verdict([start, shell], { silentMs: 600 })).toBe('stuck');
    expect(verdict([start], { silentMs: 199 })).toBeUndefined();
    expect(verdict([start], { silentMs: 200 })).toBe('hung');
  });

  it('that gave its final message is not held up by what it left in the background', () => {
    expect(verdict([start, final, resting], { silentMs: 600 })).toBe('left-background');
    expect(verdict([start, final, resting], { deadline: NOW })).toBe('left-background');
  });

  it('is timed out at its deadline', () => {
    expect(verdict([start, shell], { deadline: NOW })).toBe('timed-out');
  });
});
