import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveRunTarget, splitRun, type Candidate } from '../../src/client/listing/targets.ts';
import { subagentWorkflowId, SubagentsError } from '../../src/contract/index.ts';

const START = Date.UTC(2026, 0, 1);

/** Candidates from short words: `session/label@run`, `!` after it when it is live. Later ones started later. */
function candidates(...words: string[]): Candidate[] {
  return words.map((word, index) => {
    const [, session = '', label = '', run, live] = /^([^/]+)\/([^@]+)@(\d+)(!?)$/.exec(word) ?? [];
    return {
      session,
      label,
      run: Number(run),
      workflowId: subagentWorkflowId(session, label),
      live: live === '!',
      startedAt: new Date(START + index * 1_000).toISOString(),
    };
  });
}

const name = ({ session, label, run }: Candidate): string => `${session}/${label}@${run}`;

function refusal(target: string, among: Candidate[], options?: { session: string }): SubagentsError {
  try {
    resolveRunTarget(target, among, options);
  } catch (error) {
    if (error instanceof SubagentsError) return error;
  }
  throw new Error(`"${target}" was resolved`);
}

describe('a target', () => {
  const team = candidates(
    'default/fix@1',
    'default/fix-login@1!',
    'default/docs@1',
    'default/docs@2!',
    'other/fix-login@1!',
    'other/tests@1!',
  );
  const resolve = (target: string, session?: string) => name(resolveRunTarget(target, team, { session }));

  it('is a label before it is a prefix', () => expect(resolve('fix')).toBe('default/fix@1'));
  it('is the newest run of its label', () => expect(resolve('docs')).toBe('default/docs@2'));
  it('is an earlier run by its number', () => expect(resolve('docs@1')).toBe('default/docs@1'));
  it('is session/label', () => expect(resolve('other/fix-login')).toBe('other/fix-login@1'));
  it('is session/label@N', () => expect(resolve('default/docs@1')).toBe('default/docs@1'));
  it('is a unique prefix', () => expect(resolve('te')).toBe('other/tests@1'));
  it('is a unique prefix with a run', () => expect(resolve('doc@1')).toBe('default/docs@1'));
  it('is a workflow id', () => expect(resolve('subagent/other/tests')).toBe('other/tests@1'));
  it('is the last one started', () => expect(resolve('last')).toBe('other/tests@1'));
  it('is the last one started in the session', () =>
    expect(resolve('last', 'default')).toBe('default/docs@2'));
  it('prefers the given session', () => expect(resolve('fix-login', 'other')).toBe('other/fix-login@1'));
  it('prefers a live one where a prefix fits several', () => {
    expect(name(resolveRunTarget('fix', candidates('a/fix-1@1', 'a/fix-2@1!', 'a/fix-3@1')))).toBe(
      'a/fix-2@1',
    );
  });

  it('that fits two sessions lists both', () => {
    const { code, remedy } = refusal('fix-login', team);
    expect(code).toBe('AMBIGUOUS_TARGET');
    expect(remedy).toContain('default/fix-login, other/fix-login');
  });

  it('that nearly fits says what was meant', () => {
    const { code, remedy } = refusal('tets', team);
    expect(code).toBe('UNKNOWN_TARGET');
    expect(remedy).toBe('did you mean other/tests?');
  });

  it('that fits nothing lists what there is, newest first', () => {
    expect(refusal('zzzzzzzz', team).remedy).toMatch(/^there are: other\/tests, /);
    expect(refusal('zzzzzzzz', []).remedy).toContain('no subagents yet');
    expect(refusal('last', []).code).toBe('UNKNOWN_TARGET');
  });

  it('with a run that never was lists those there are', () => {
    expect(refusal('docs@7', team)).toMatchObject({
      code: 'UNKNOWN_TARGET',
      remedy: 'known runs: docs@2, docs@1',
    });
  });

  it('with no name at all is unknown', () => {
    expect(refusal('', team).code).toBe('UNKNOWN_TARGET');
    expect(refusal('@1', team).code).toBe('UNKNOWN_TARGET');
  });
});

describe('for any subagents', () => {
  const label = fc.stringMatching(/^[ab][ab.-]{0,4}$/);
  const session = fc.constantFrom('s', 't', 'default');
  const fleet = fc
    .uniqueArray(fc.record({ session, label, run: fc.integer({ min: 1, max: 3 }), live: fc.boolean() }), {
      selector: ({ session, label, run }) => `${session}/${label}@${run}`,
      maxLength: 12,
    })
    .map((all) =>
      all.map((each, index): Candidate => ({
        ...each,
        workflowId: subagentWorkflowId(each.session, each.label),
        startedAt: new Date(START + index).toISOString(),
      })),
    );
  const anyTarget = fc.oneof(
    label,
    fc.string({ maxLength: 12 }),
    fc.constantFrom('last', 'a', 's/a', '@', 'a@1'),
  );

  it('the full name finds exactly that run', () => {
    fc.assert(
      fc.property(fleet, (all) => {
        for (const each of all) expect(resolveRunTarget(name(each), all)).toBe(each);
      }),
    );
  });

  it('a label in its own session is never ambiguous, and finds the newest run', () => {
    fc.assert(
      fc.property(fleet, (all) => {
        for (const { session, label } of all) {
          const found = resolveRunTarget(label, all, { session });
          const runs = all.filter((other) => other.session === session && other.label === label);
          expect(found).toBe(runs.sort((a, b) => b.run - a.run)[0]);
        }
      }),
    );
  });

  it('the answer is one of them, fits the target, and does not hang on their order', () => {
    fc.assert(
      fc.property(fleet, anyTarget, fc.option(session, { nil: undefined }), (all, target, preferred) => {
        const answer = (among: Candidate[]): string => {
          try {
            const found = resolveRunTarget(target, among, { session: preferred });
            expect(all).toContain(found);
            const { name: wanted } = splitRun(target);
            const fits = [found.label, `${found.session}/${found.label}`, found.workflowId];
            expect(target === 'last' || fits.some((text) => text.startsWith(wanted))).toBe(true);
            return name(found);
          } catch (error) {
            expect(error).toBeInstanceOf(SubagentsError);
            return (error as SubagentsError).code;
          }
        };
        expect(answer([...all].reverse())).toBe(answer(all));
      }),
    );
  });

  it('what is ambiguous lists more than one, and each of those is found by its name', () => {
    fc.assert(
      fc.property(fleet, anyTarget, (all, target) => {
        try {
          resolveRunTarget(target, all);
        } catch (error) {
          const { code, remedy = '' } = error as SubagentsError;
          if (code !== 'AMBIGUOUS_TARGET') return;
          const named = remedy
            .replace('name one of them: ', '')
            .replace(/ and \d+ more$/, '')
            .split(', ');
          expect(named.length).toBeGreaterThan(1);
          for (const each of named) expect(all).toContain(resolveRunTarget(each, all));
        }
      }),
    );
  });
});
