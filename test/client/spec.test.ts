import { describe, expect, it } from 'vitest';
import { checkSpawnSize, parseSpec, parseSpecs } from '../../src/client/spawning/spec.ts';
import { MAX_SPAWN_SPECS, MAX_TASK_BYTES, SubagentsError } from '../../src/contract/index.ts';

const SPEC = { label: 'fix', task: 'Fix the login test.' };

function refusal(parse: () => unknown): SubagentsError {
  try {
    parse();
  } catch (error) {
    if (error instanceof SubagentsError) return error;
  }
  throw new Error('it was accepted');
}

describe('a spec', () => {
  it('has durations in words, and thinking as a switch', () => {
    expect(parseSpec({ ...SPEC, timeout: '45m', stuckAfter: '90s', thinking: true })).toMatchObject({
      timeout: 45 * 60_000,
      stuckAfter: 90_000,
      thinking: 'high',
    });
  });

  it.each([
    [
      { ...SPEC, label: 'Fix Login' },
      'label: illegal label "Fix Login"',
      'label is: identifies the subagent',
    ],
    [{ ...SPEC, label: 'last' }, 'label: illegal label "last"', 'label is:'],
    [{ ...SPEC, task: '  ' }, 'task: the task is empty', 'task is: detailed instructions'],
    [
      { ...SPEC, task: 'é'.repeat(MAX_TASK_BYTES / 2 + 1) },
      'task: the task is larger than 256 KiB',
      'task is:',
    ],
    [{ ...SPEC, timeout: 'soon' }, 'timeout: "soon" is not a duration', 'timeout is: maximum working time'],
    [{ ...SPEC, verify: ['npm test', ' '] }, 'verify.1: a verification command is empty', 'verify is:'],
    [
      { ...SPEC, isolation: 'container' },
      'isolation: ',
      'isolation is: worktree: work in a worktree of its own; in-place: work in the checkout',
    ],
    [{ ...SPEC, repository: '.' }, 'there is no field "repository"', 'a spec has these fields: label, task,'],
    [{ task: 'x' }, 'label: ', 'label is:'],
    ['fix it', 'the spec: ', 'a spec has these fields:'],
  ])('is refused by the name of its field: %j', (spec, message, remedy) => {
    const error = refusal(() => parseSpec(spec));
    expect(error.code).toBe('BAD_INPUT');
    expect(error.message).toContain(message);
    expect(error.remedy).toContain(remedy);
  });

  it('is named by its place in a list', () => {
    expect(refusal(() => parseSpecs([SPEC, { ...SPEC, label: '..' }])).message).toMatch(
      /^specs\[1\]\.label: /,
    );
  });
});

describe('a list of specs', () => {
  it('is neither empty nor too long', () => {
    expect(refusal(() => parseSpecs([])).code).toBe('BAD_INPUT');
    expect(refusal(() => parseSpecs(Array.from({ length: MAX_SPAWN_SPECS + 1 }, () => SPEC))).code).toBe(
      'LIMIT',
    );
  });

  it('is as large as Temporal takes, and no larger', () => {
    expect(() => checkSpawnSize({ specs: ['x'.repeat(1_500_000)] })).not.toThrow();
    expect(refusal(() => checkSpawnSize({ specs: ['x'.repeat(1_600_000)] }))).toMatchObject({
      code: 'LIMIT',
    });
  });
});

describe('what does not fit a spec', () => {
  const spec = (more: object) => () => parseSpec({ label: 'a', task: 'b', ...more });

  it.each([
    [{ permissions: 'ro' }, 'permissions: use all, workspace or read-only, not "ro"'],
    [{ task: 3 }, 'task: use text, not 3'],
    [{ verify: { a: 1 } }, 'verify: use a list or text, not an object'],
    [{ verify: ['x', 3] }, 'verify: entry 2: use text, not 3'],
    [{ setup: Array(30).fill('x') }, 'setup: too many: at most 20 entries'],
    [{ push: 'yes' }, 'push: use true or false, not "yes"'],
    [{ budget: { tokens: 0 } }, 'budget.tokens: too little: at least 1'],
    [{ taks: 'b' }, 'there is no field "taks"'],
    [{ timeout: 3600 }, 'timeout: 3600 has no unit: write it like 90s, 15m or 2h'],
    [{ timeout: '3600' }, 'timeout: "3600" has no unit: write it like 90s, 15m or 2h, from 1s to 7d'],
    [
      { stuckAfter: '1ms' },
      'stuckAfter: "1ms" is not a duration: write it like 90s, 15m or 2h, from 1s to 7d',
    ],
  ])('%j is said in our words', (more, message) => {
    expect(spec(more)).toThrow(message);
  });

  it('a list of one may be given as that one', () => {
    expect(spec({ verify: 'npm test', setup: 'npm ci', env: 'DATABASE_URL' })()).toMatchObject({
      verify: ['npm test'],
      setup: ['npm ci'],
      env: ['DATABASE_URL'],
    });
  });
});
