import { describe, expect, it } from 'vitest';
import { Restarts } from '../../src/worker/up/restarts.ts';

const QUICK = 1_000;
const LONG = 60_000;

describe('restarts', () => {
  it('the first at once, then ever later, then never', () => {
    const restarts = new Restarts({ failedStarts: 3 });
    restarts.ready();
    const delays = Array.from({ length: 8 }, () => restarts.died(QUICK));
    expect(delays).toEqual([0, 250, 500, 1_000, 2_000, 4_000, 8_000, undefined]);
  });

  it('a part that lived long starts with a clean slate', () => {
    const restarts = new Restarts({ failedStarts: 3 });
    restarts.ready();
    for (let index = 0; index < 6; index += 1) restarts.died(QUICK);
    expect(restarts.died(LONG)).toBe(0);
    expect(restarts.died(QUICK)).toBe(250);
  });

  it('a part that never was ready is given up sooner', () => {
    const restarts = new Restarts({ failedStarts: 3 });
    expect([restarts.died(QUICK), restarts.died(QUICK), restarts.died(QUICK)]).toEqual([0, 250, undefined]);
    expect(new Restarts({ failedStarts: 1 }).died(QUICK)).toBeUndefined();
  });
});
