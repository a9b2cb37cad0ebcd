import { describe, expect, it } from 'vitest';
import { code, fence, panel, type PanelView } from '../../workflows/panel.ts';

const view: PanelView = {
  status: 'working',
  since: '2026-01-01T00:00:00.000Z',
  task: 'a task',
  turn: 1,
  repo: '/repo',
  branch: 'subagents/a',
  workerId: 'w-1',
  waitingFor: undefined,
  runs: [],
  questions: [],
  steers: [],
  notes: [],
  outcome: undefined,
};

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
    const drawn = panel({ ...view, task: hostile, questions: [{ id: 'q', question: hostile }] });
    expect(outside(drawn).join('\n')).not.toMatch(/owned|evil/);
    // eslint-disable-next-line no-control-regex
    expect(drawn).not.toMatch(/[\u001b\u0007\u202e]/);
    expect(fence('````')).toMatch(/^`{5}text\n````\n`{5}$/);
    // Nor by lines that are broken: the panel does not wrap them.
    const broken = fence(`${'word '.repeat(30)}\`\`\``);
    expect(broken.split('\n').slice(1, -1)).toEqual([
      expect.stringMatching(/^(word ){13}word$/),
      expect.stringMatching(/^(word ){13}word$/),
      'word word ```',
    ]);
    expect(broken).toMatch(/^````text\n[^]*\n````$/);
  });

  it('cannot end an inline code span, or bring a second line', () => {
    expect(code('a`b\n# c')).toBe('`aˋb # c`');
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
    expect(lines).toContain('- `second` → on its way');
  });
});
