import { describe, expect, it } from 'vitest';
import { exitCodeOf, exitCodeOfOutcomes } from '../../src/cli/exit.ts';
import type { CaveatKind } from '../../src/contract/outcome/caveat.ts';
import { ERROR_CODES } from '../../src/contract/errors.ts';
import type { FinalStatus } from '../../src/contract/status/status.ts';

describe('exit codes', () => {
  it.each<[FinalStatus[], number]>([
    [[], 0],
    [['done', 'done'], 0],
    [['done', 'killed'], 5],
    [['killed', 'timed-out', 'done'], 6],
    [['timed-out', 'lost'], 7],
    [['lost', 'failed', 'done', 'killed'], 1],
  ])('of outcomes %j: %i, the worst', (statuses, code) => {
    expect(exitCodeOfOutcomes(statuses.map((status) => ({ status })))).toBe(code);
  });

  it.each<[FinalStatus, CaveatKind[], FinalStatus | undefined, number]>([
    ['done', ['unsaved-work', 'stash'], undefined, 9],
    ['done', ['unsaved-work'], 'done', 9],
    ['done', ['stash', 'large-files'], 'done', 0],
    ['done', ['unfinished'], 'killed', 5],
    ['failed', ['unfinished'], 'done', 1],
  ])('of one that is %s with %j beside one that is %s: %i', (status, caveats, other, code) => {
    const others = other === undefined ? [] : [{ status: other }];
    expect(exitCodeOfOutcomes([{ status, caveats }, ...others])).toBe(code);
  });

  it('of an error are never 0', () => {
    for (const code of ERROR_CODES) expect(exitCodeOf(code)).toBeGreaterThan(0);
  });
});
