import { expect, it } from 'vitest';
import { outcome } from '../../src/contract/outcome/outcome.ts';
import { NO_USAGE } from '../../src/contract/index.ts';
import { evidenceLines } from '../../src/prompts/index.ts';

it('an outcome ends with where the work is and what goes on from there', () => {
  const linesOf = (given: object, evidence: object = {}): string[] =>
    evidenceLines(
      outcome.parse({
        status: 'done',
        label: 'fix',
        session: 'team',
        run: 1,
        summary: '',
        report: '',
        verifications: [],
        repairs: 0,
        turns: 1,
        notes: [],
        usage: NO_USAGE,
        durations: { totalMs: 1, queuedMs: 0, workingMs: 1, verifyingMs: 0 },
        evidence: {
          cwd: '/home/worktrees/team/fix@1-a',
          branch: 'subagents/fix-2',
          base: 'a',
          head: 'b',
          commits: [],
          commitCount: 1,
          filesChanged: [],
          sensitive: [],
          uncommitted: [],
          diffStat: { files: 1, insertions: 1, deletions: 0 },
          savedLeftovers: false,
          ...evidence,
        },
        ...given,
      }),
    ).slice(-3);
  const work = 'worktree "/home/worktrees/team/fix@1-a"';
  const next = 'next: the actions diff and continue with target fix';
  const take = 'to merge it, when the human wants it, in a shell:';
  expect(linesOf({})).toEqual([work, next, `${take} subagents merge team/fix`]);
  expect(linesOf({ status: 'killed' })).toEqual([work, next, `${take} subagents merge team/fix --force`]);
  const caveats = [{ kind: 'unfinished', grade: 'blocking', text: 'in HOSTILE.txt' }];
  expect(linesOf({ caveats }).at(-1)).toBe(`${take} subagents merge team/fix --force`);
  expect(linesOf({}, { repository: '/home/repositories/x' })).toEqual([
    ...[work, next],
    `${take} git fetch "/home/repositories/x" subagents/fix-2`,
  ]);
  expect(linesOf({}, { commitCount: 0 }).slice(-2)).toEqual([work, next]);
  expect(linesOf({}, { branch: 'main', cwd: '/home/ada/shop' }).slice(-2)).toEqual([
    'folder "/home/ada/shop"',
    next,
  ]);
});
