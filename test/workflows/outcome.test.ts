import { describe, expect, it } from 'vitest';
import type { SubagentInput, Verification } from '../../src/contract/index.ts';
import { fittedNotes, outcomeOf } from '../../workflows/subagent/outcome.ts';
import { initialState, type SubagentState } from '../../workflows/subagent/state.ts';

const input = {
  session: 's',
  label: 'a',
  run: 1,
  spec: { label: 'a', task: 't', repo: '/r', permissions: 'all' },
} as unknown as SubagentInput;
const ending = { status: 'done', queuedMs: 1, totalMs: 2 } as const;
const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** One to which much came together: each part was bounded where it came in. */
function long(parts: Partial<SubagentState>): SubagentState {
  return { ...initialState(input.spec), report: 'Did it.', ...parts };
}

describe('the outcome of a long run', () => {
  const verification = { command: 'npm test', exitCode: 1, durationMs: 1, outputTail: 'ü'.repeat(8_000) };
  const setup = Array.from({ length: 20 }, () => verification as unknown as Verification);

  it('is one payload, with the report and the data whole', () => {
    const outcome = outcomeOf(
      input,
      long({
        setup,
        verifications: Array.from({ length: 100 }, () => verification as unknown as Verification),
        loaded: Array.from({ length: 200 }, () => 'l'.repeat(8_000)),
        notes: Array.from({ length: 2_000 }, (_, at) => `${at}: ${'n'.repeat(8_000)}`),
        output: { data: 'd'.repeat(60_000) },
        artifacts: { 'a.txt': 'f'.repeat(500_000) },
      }),
      ending,
    );
    expect(bytes(outcome)).toBeLessThan(1_500_000);
    expect(outcome).toMatchObject({
      status: 'done',
      summary: 'Did it.',
      report: 'Did it.',
      output: { data: 'd'.repeat(60_000) },
      artifacts: { 'a.txt': 'f'.repeat(500_000) },
    });
  });

  it('is as it is where it is small', () => {
    const notes = ['one', 'two'];
    expect(outcomeOf(input, long({ notes, setup: setup.slice(0, 1) }), ending)).toMatchObject({
      notes,
      setup: [verification],
    });
  });

  it('says how many notes it has no room for', () => {
    const notes = Array.from({ length: 15 }, () => 'x'.repeat(8_000));
    expect(fittedNotes(notes)).toEqual([...notes.slice(0, 12), '3 more notes left out for lack of room']);
  });
});

describe('the last message of one that is done', () => {
  const kinds = (parts: Partial<SubagentState>, status: 'done' | 'failed' = 'done'): string[] =>
    (outcomeOf(input, long(parts), { ...ending, status }).caveats ?? []).map(({ kind }) => kind);

  it('is a caveat where the output limit of the model cut it off', () => {
    expect(kinds({ cut: true })).toEqual(['cut-report']);
    expect(kinds({ cut: true }, 'failed')).toEqual([]);
    expect(kinds({})).toEqual([]);
  });

  it('is a caveat where it is empty and there is no commit', () => {
    const evidence = (commitCount: number) => ({ commitCount }) as SubagentState['evidence'];
    expect(kinds({ report: ' \n' })).toEqual(['empty-report']);
    expect(kinds({ report: '', evidence: evidence(0) })).toEqual(['empty-report']);
    expect(kinds({ report: '', evidence: evidence(1) })).toEqual([]);
  });
});
