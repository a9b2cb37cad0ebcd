/** The live panel of a session in the Temporal Web UI. */
import { oneLine, type SessionEntry } from '../src/contract/index.ts';
import { code, EMPTY_LINE } from './panel.ts';
import type { SessionState } from './session-state.ts';

/** Finished subagents shown. */
const SHOWN = 20;

/** A Markdown table of the live and the newest finished subagents. */
export function sessionPanel(name: string, state: SessionState): string {
  const live = Object.values(state.live);
  const finished = state.finished.slice(-SHOWN).reverse();
  const lines = [`### Session ${code(name)}`, '', `${live.length} live, ${state.finishedCount} finished`, ''];
  if (live.length + finished.length > 0) {
    lines.push(
      '| subagent | status | task or summary |',
      '|---|---|---|',
      ...[...live, ...finished].map(row),
    );
  }
  lines.push('', EMPTY_LINE);
  return lines.join('\n');
}

function row(entry: SessionEntry): string {
  const name = entry.run > 1 ? `${entry.label}@${entry.run}` : entry.label;
  const status = entry.endedAt === undefined ? 'live' : entry.status;
  return `| ${code(name)} | ${status} | ${code(oneLine(entry.summary ?? entry.task, 120).replaceAll('|', '/'))} |`;
}
