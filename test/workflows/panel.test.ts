import { describe, expect, it } from 'vitest';
import { caveatOf, NO_USAGE, type ChainInput, type Outcome } from '../../src/contract/index.ts';
import { ChainProgress } from '../../src/chain/progress.ts';
import { chainPanel } from '../../workflows/chain/panel.ts';
import { codeSpan, codeBlock } from '../../workflows/shared/panel-text.ts';
import { panel, type PanelView } from '../../workflows/subagent/panel.ts';

const view: PanelView = {
  target: 'a',
  status: 'working',
  since: '2026-01-01T00:00:00.000Z',
  turn: 1,
  repo: '/repo',
  branch: 'subagents/a',
  workerId: 'w-1',
  waitingFor: undefined,
  stalled: undefined,
  runs: [],
  questions: [],
  approvals: [],
  steers: [],
  notes: [],
  outcome: undefined,
};
const outcome: Outcome = {
  status: 'done',
  label: 'a',
  session: 's',
  run: 1,
  summary: 'Done.',
  report: '',
  caveats: [],
  verifications: [],
  repairs: 0,
  turns: 1,
  denials: [],
  loaded: [],
  notes: [],
  usage: NO_USAGE,
  durations: { queuedMs: 1, workingMs: 2, verifyingMs: 3, totalMs: 72_000 },
};
const since = '2026-01-01T00:00:00.000Z';

/** The lines of Markdown that are outside of every fence. */
function outside(markdown: string): string[] {
  let bars: string | undefined;
  return markdown.split('\n').filter((line) => {
    const fenceLine = /^(`{3,})/.exec(line)?.[1];
    if (bars === undefined && fenceLine !== undefined) {
      bars = fenceLine;
      return false;
    }
    if (bars !== undefined && line === bars) {
      bars = undefined;
      return false;
    }
    return bars === undefined;
  });
}

describe('words of a model in the panel', () => {
  const hostile = 'x\n```\n# owned\n![i](http://evil/pixel)\n````\n\u001b]52;c;ZXZpbA==\u0007\u202Eend';

  it('cannot leave their fence', () => {
    const drawn = panel({ ...view, questions: [{ id: 'q', question: hostile }] });
    expect(outside(drawn).join('\n')).not.toMatch(/owned|evil/);
    // eslint-disable-next-line no-control-regex
    expect(drawn).not.toMatch(/[\u001b\u0007\u202e]/);
    expect(codeBlock('````')).toMatch(/^`{5}text\n````\n`{5}$/);
    // Nor by lines that are broken: the panel does not wrap them.
    const broken = codeBlock(`${'word '.repeat(30)}\`\`\``);
    expect(broken.split('\n').slice(1, -1)).toEqual([
      expect.stringMatching(/^(word ){13}word$/),
      expect.stringMatching(/^(word ){13}word$/),
      'word word ```',
    ]);
    expect(broken).toMatch(/^````text\n[^]*\n````$/);
  });

  it('cannot end an inline code span, or bring a second line', () => {
    expect(codeSpan('a`b\n# c')).toBe('`aˋb # c`');
  });

  it('stay in code in the first line', () => {
    const failed: Outcome = {
      ...outcome,
      status: 'failed',
      summary: 'x',
      failure: { class: 'verification', message: 'x` \n# owned' },
    };
    expect(panel({ ...view, status: 'failed', outcome: failed }).split('\n')[0]).toBe(
      '### Failed: `xˋ # owned`',
    );
  });

  it('are steers with their receipts, in order', () => {
    const at = '2026-01-01T00:00:01.000Z';
    const steers = [
      {
        id: '1',
        message: 'first',
        receipt: { id: '1', delivery: 'mid-turn' as const, at, during: 'bash: npm test' },
      },
      { id: '2', message: 'second' },
    ];
    const lines = panel({ ...view, steers }).split('\n');
    expect(lines).toContain('- `first` → mid-turn at 2026-01-01 00:00:01 UTC, during `bash: npm test`');
    expect(lines).toContain('- `second` → not delivered yet');
  });
});

describe('the panel begins in one sentence', () => {
  const first = (change: Partial<PanelView>): string | undefined =>
    panel({ ...view, ...change }).split('\n')[0];
  const ended = (change: Partial<Outcome>): string | undefined => {
    const whole = { ...outcome, ...change };
    return first({ status: whole.status, outcome: whole });
  };

  it('with what is to know of one that is done', () => {
    const caveats = [caveatOf('unfinished', 'conflict markers in `a`'), caveatOf('stash', 'stash@{0}')];
    const lines = panel({ ...view, status: 'done', outcome: { ...outcome, caveats } }).split('\n');
    expect(lines[0]).toBe(
      '### Done, but: a merge or rebase was left unfinished; it left work in the git stash: no verification commands',
    );
    expect(lines).toContain('- blocking: `conflict markers in ˋaˋ`');
    expect(lines).toContain('- advisory: `stash@{0}`');
  });

  it.each([
    [
      'done',
      { verifications: [{ command: 'npm test', exitCode: 0, durationMs: 1, outputTail: '' }] },
      '### Done: verified by 1 command',
    ],
    [
      'killed',
      { summary: 'killed in turn 2; 3 processes found, 0 left' },
      '### Killed: `in turn 2; 3 processes found, 0 left`',
    ],
    [
      'timed-out',
      { summary: 'used up its working time in turn 2' },
      '### Timed out: `used up its working time in turn 2`',
    ],
    ['lost', { failure: { class: 'worker', message: 'lost: given up' } }, '### Lost: `lost: given up`'],
  ] as const)('of one that is %s', (status, change, expected) => {
    expect(ended({ status, ...change })).toBe(expected);
  });

  it('with the command that answers', () => {
    const stalled = { reason: 'question' as const, since };
    const question = { id: 'q1', question: 'Which API?' };
    expect(first({ status: 'asking', stalled, questions: [question] })).toBe(
      '### Asks: answer with `subagents answer a "<answer>"`',
    );
    const questions = [question, { id: 'q2', question: 'Which colour?' }];
    expect(first({ target: 'night/a', status: 'asking', stalled, questions })).toBe(
      '### Asks 2 questions: answer each with `subagents answer night/a -q <id> "<answer>"`',
    );
  });

  it('with the call that waits for an approval, in code, and the command that approves it', () => {
    const stalled = { reason: 'approval' as const, since, detail: 'waits for approval: bash: git push' };
    const call = { id: 'e1474112', tool: 'bash', what: 'git push `x`\n# y', rule: 'push', at: since };
    const shown = { ...view, status: 'asking', stalled, approvals: [call] };
    expect(first(shown)).toBe(
      '### Waits for approval: `bash: git push ˋxˋ # y`: `subagents approve a -a e1474112`',
    );
    expect(panel(shown)).toContain('**Waits for approval** (`e1474112`)');
    expect(panel(shown)).toContain('asked for by `push`');
    expect(first({ ...shown, approvals: [call, { ...call, id: 'b' }] })).toContain(' and 1 more call: ');
  });

  it('with what it stands still for', () => {
    expect(first({ stalled: { reason: 'model', since, detail: 'cannot connect' } })).toBe(
      '### Failing (working): its model fails and is tried again: `cannot connect`',
    );
  });
});

it('shows a chain with state, time and tokens of each step, by the label that commands take', () => {
  const steps = ['research', 'implement', 'document'].map((id, at, all) => ({
    id,
    needs: at === 0 ? [] : [all[at - 1] as string],
  }));
  const progress = new ChainProgress(steps, { label: 'limits', until: 'all' });
  const [research] = progress.next(() => []);
  const usage = { ...NO_USAGE, inputTokens: 12_000, outputTokens: 400 };
  Object.assign(research ?? {}, { status: 'done', outcome: { ...outcome, usage, summary: 'a | b' } });
  const [implement] = progress.next(() => []);
  Object.assign(implement ?? {}, { status: 'live', startedAt: since });
  const lines = chainPanel({ label: 'limits' } as ChainInput, progress).split('\n');
  expect(lines[0]).toBe('### Working: 1 of 3 steps done, 1 at work, 1 waiting');
  expect(lines).toContain('| ✓\u00A0`limits.research` | done | 1m 12s | 12.4k |  | `a / b` |');
  expect(lines).toContain(
    '| ▶\u00A0└\u00A0`limits.implement` | live | since 00:00:00 UTC |  | `research` |  |',
  );
  expect(lines).toContain('| ·\u00A0\u00A0\u00A0└\u00A0`limits.document` | waiting |  |  | `implement` |  |');
});
