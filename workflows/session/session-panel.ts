/** The live panel of a session in the Temporal Web UI. */
import { type SessionEntry } from '../../src/contract/index.ts';
import { ignoredSignalNotes } from '../shared/ignored-signals.ts';
import { tableCell, codeSpan, EMPTY_LINE } from '../shared/panel-text.ts';
import type { SessionState } from './session-state.ts';

/** Subagents in the table, which is redrawn at each start and end. */
const SHOWN = 20;
const SHOWN_LIVE = 100;

/** A Markdown table of the live and the newest finished subagents. */
export function sessionPanel(name: string, state: SessionState): string {
  const live = Object.values(state.live);
  const finished = state.finished.slice(-SHOWN).reverse();
  const lines = [
    `### Session ${codeSpan(name)}`,
    '',
    `${live.length} live, ${state.finishedCount} finished`,
    '',
  ];
  if (live.length + finished.length > 0) {
    lines.push(
      '| subagent | status | task or summary |',
      '|---|---|---|',
      ...[...live.slice(0, SHOWN_LIVE), ...finished].map(row),
    );
  }
  if (live.length > SHOWN_LIVE)
    lines.push(
      '',
      `${live.length - SHOWN_LIVE} more are live; to see them: ${codeSpan(`subagents list -s ${name}`)}`,
    );
  for (const note of ignoredSignalNotes(state.leftOut)) lines.push('', codeSpan(note, 400));
  lines.push('', EMPTY_LINE);
  return lines.join('\n');
}

function row(entry: SessionEntry): string {
  const name = entry.run > 1 ? `${entry.label}@${entry.run}` : entry.label;
  const status = entry.endedAt === undefined ? 'live' : entry.status;
  return `| ${codeSpan(name)} | ${status} | ${tableCell(entry.summary ?? entry.task)} |`;
}
