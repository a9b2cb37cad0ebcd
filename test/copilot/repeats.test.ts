/** A turn that repeats itself, by its calls and their results alone. */
import { describe, expect, it } from 'vitest';
import { RepetitionDetector } from '../../src/copilot/turn/repeats.ts';

let ids = 0;
const since = '2026-01-01T00:00:00.000Z';
/** Calls, each a command with its result, one after the other. */
function after(
  calls: readonly (readonly [string, string])[],
  repeats = new RepetitionDetector(),
): RepetitionDetector {
  for (const [command, result] of calls) {
    const id = `call-${ids++}`;
    repeats.callStarted(id, {
      name: 'bash',
      what: `bash: ${command}`,
      arguments: { command },
      shellId: undefined,
      since,
    });
    repeats.callEnded(id, result);
  }
  return repeats;
}
const times = <T>(count: number, of: (at: number) => readonly T[]): T[] =>
  Array.from({ length: count }, (_, at) => of(at)).flat();
type Calls = readonly (readonly [string, string])[];

describe('calls in a row', () => {
  it.each<[string, Calls, number, number]>([
    ['equal ones', times(20, () => [['npm test', 'red'] as const]), 20, 1],
    [
      'equal ones after others',
      [['ls', 'a'], ['cat a', 'x'], ...times(5, () => [['npm test', 'red'] as const])],
      5,
      1,
    ],
    [
      'a cycle of two',
      times(
        10,
        () =>
          [
            ['cat a', 'x'],
            ['npm test', 'red'],
          ] as const,
      ),
      20,
      2,
    ],
    ['a cycle of five', times(4, () => ['a', 'b', 'c', 'd', 'e'].map((name) => [name, 'x'] as const)), 20, 5],
    [
      'the same but for the time it took',
      times(9, (at) => [['npm test', `red in ${at}.${at} s, at 12:00:0${at}`] as const]),
      9,
      1,
    ],
    ['one', [['npm test', 'red']], 0, 1],
    ['none', [], 0, 1],
    ['different results', times(9, (at) => [['wc -l log', `${at}`] as const]), 0, 1],
    ['different calls', times(9, (at) => [[`cat ${at}`, 'x'] as const]), 0, 1],
    ['a row that was broken', [...times(9, () => [['a', 'x'] as const]), ['b', 'x']], 0, 1],
    [
      'a cycle that has come round once',
      [
        ['a', 'x'],
        ['b', 'x'],
        ['a', 'x'],
      ],
      0,
      1,
    ],
  ])('%s', (_, calls, count, period) => {
    expect(after(calls).current).toMatchObject({ count, period, start: calls.length - count });
  });

  it('count in the order in which they began, however they end', () => {
    const repeats = new RepetitionDetector();
    const tool = (command: string) => ({
      name: 'bash',
      what: command,
      arguments: { command },
      shellId: undefined,
      since,
    });
    for (const round of [1, 2, 3, 4]) {
      for (const command of ['a', 'b']) repeats.callStarted(`${command}${round}`, tool(command));
      for (const command of round % 2 ? ['a', 'b'] : ['b', 'a']) repeats.callEnded(`${command}${round}`, 'x');
    }
    expect(repeats.current).toMatchObject({ count: 8, period: 2 });
  });

  it('begin anew where what runs was stopped', () => {
    const repeats = after(times(9, () => [['a', 'x'] as const]));
    repeats.reset();
    expect(after([['a', 'x']], repeats).current.count).toBe(0);
  });
});

it.each([
  ['sleep 30; gh run view 1', true],
  ['until curl -s localhost:3000; do :; done', true],
  ['kubectl get pods', true],
  ['npm test', false],
  ['node wait.js', true],
  ['cat sleepy.txt', false],
])('%s waits for something: %s', (command, waits) => {
  expect(after(times(4, () => [[command, 'x'] as const])).current).toMatchObject({ count: 4, waits });
});
