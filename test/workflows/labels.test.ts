import { describe, expect, it } from 'vitest';
import { MAX_LIVE_SUBAGENTS, MAX_REPO_CHARS, type SessionEntry } from '../../src/contract/index.ts';
import { Labels } from '../../workflows/session/labels.ts';
import { sessionPanel } from '../../workflows/session/session-panel.ts';
import {
  emptySession,
  fitToCarry,
  listOf,
  type SessionState,
} from '../../workflows/session/session-state.ts';

/** A session that takes on subagents of `repo` until it takes no more. */
function filled(repo: string): { state: SessionState; refusal: string } {
  const state = emptySession();
  const labels = new Labels('s', state);
  for (let count = 0; ; count++) {
    const label = `agent-${count}`;
    const refused = labels.reserve(label, 'wait');
    if (refused) return { state, refusal: refused.reason };
    state.live[label] = {
      label,
      run: 1,
      workflowId: `subagent/s/${label}`,
      runId: 'r'.repeat(36),
      status: 'working',
      task: 'task '.repeat(24),
      repo,
      startedAt: '2026-01-01T00:00:00.000Z',
    } satisfies SessionEntry;
    labels.release(label);
  }
}

const notice = { kind: 'notice', session: 's', label: 's', run: 1, status: 'working' } as const;
const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

describe('a full session', () => {
  it('has as many as it may, and a panel with the first of them', () => {
    const { state, refusal } = filled('/repository');
    expect(refusal).toBe(`session s has ${MAX_LIVE_SUBAGENTS} live subagents`);
    const rows = sessionPanel('s', state).split('\n');
    expect(rows.filter((line) => line.startsWith('| `agent-'))).toHaveLength(100);
    expect(rows.join('\n')).toContain(
      `${MAX_LIVE_SUBAGENTS - 100} more are live; to see them: \`subagents list -s s\``,
    );
  });

  it('holds no more than its lists and its continue-as-new can carry, whatever repositories are called', () => {
    const { state, refusal } = filled(`/${'ü'.repeat(MAX_REPO_CHARS - 1)}`);
    expect(refusal).toMatch(/^session s has 1\d\d live subagents, whose long names and repositories fill/);
    expect(bytes(listOf('s', state, 1_000))).toBeLessThan(2_000_000);
    fitToCarry(state, { ...notice, workflowId: 'w', runId: 'r', at: '' });
    expect(bytes(state)).toBeLessThan(1_700_000);
  });
});
