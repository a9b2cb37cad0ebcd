import type { FleetList, ServerInfo, SubagentRow } from '../../client/index.ts';
import { DOING } from '../../contract/states.ts';
import { isFinal } from '../../contract/status.ts';
import { head, oneLine } from '../../contract/text.ts';
import type { Colors } from '../output.ts';
import { deniedText, tokens } from './numbers.ts';
import { doingText, stateOf, statusText } from './status.ts';
import { table, type Column } from './table.ts';
import { age } from './time.ts';

/** Longer texts say nothing more in a list, also where no terminal cuts them. */
const MAX_DOING_CHARS = 160;

/** How a subagent is addressed from here: its label in this session, `session/label` in another; `@run` where it is not the newest. */
export function targetText(
  row: { session: string; label: string; run: number },
  session: string,
  newest = true,
): string {
  const name = row.session === session ? row.label : `${row.session}/${row.label}`;
  return newest ? name : `${name}@${row.run}`;
}

/** The server and namespace in use, in words. */
export function serverText({ address, namespace, origin }: ServerInfo): string {
  return `Temporal ${address}, namespace ${namespace} (${oneLine(origin, 100)})`;
}

/** All rows: live ones first, oldest first, then finished ones, newest first. */
export function fleetRows(fleet: FleetList): SubagentRow[] {
  const live = fleet.sessions.flatMap((session) => session.live);
  const finished = fleet.sessions.flatMap((session) => session.finished);
  return [
    ...live.toSorted((a, b) => a.startedAt.localeCompare(b.startedAt)),
    ...finished.toSorted((a, b) => (b.endedAt ?? '').localeCompare(a.endedAt ?? '')),
  ];
}

/** The list of subagents as a table, with what a reader must know. */
export function fleetText(
  fleet: FleetList,
  options: { session: string; width: number; colors: Colors; now: number },
): string {
  const { session, width, colors, now } = options;
  const rows = fleetRows(fleet);
  const hidden = fleet.sessions.reduce((sum, each) => sum + each.finishedCount - each.finished.length, 0);
  const lines = [colors.dim(head(serverText(fleet.server), Math.min(width, 200))), ''];
  lines.push(
    rows.length === 0
      ? 'No subagents yet. Hand one a task: subagents spawn <label> "<task>"'
      : table(rows, columns(rows, session, colors, now), width, colors),
  );
  if (hidden > 0) lines.push(colors.dim(`… and ${hidden} finished before (list --all)`));
  if (fleet.notes.length > 0)
    lines.push('', ...fleet.notes.map((note) => `${colors.yellow('!')} ${oneLine(note, 1_000)}`));
  return lines.join('\n');
}

function columns(
  rows: readonly SubagentRow[],
  session: string,
  colors: Colors,
  now: number,
): Column<SubagentRow>[] {
  const newestRun = new Map<string, number>();
  for (const { session, label, run } of rows) {
    const key = `${session}/${label}`;
    newestRun.set(key, Math.max(run, newestRun.get(key) ?? 0));
  }
  const isNewest = (row: SubagentRow) => newestRun.get(`${row.session}/${row.label}`) === row.run;
  return [
    { title: 'TARGET', cell: (row) => targetText(row, session, isNewest(row)) },
    { title: 'STATUS', cell: (row) => statusText(stateOf(row), colors) },
    { title: 'DOING', cell: doing, flexible: true },
    {
      title: 'SINCE',
      cell: (row) =>
        age(row.endedAt ?? row.away?.since ?? row.since ?? row.progress?.since ?? row.startedAt, now),
    },
    { title: 'LAST EVENT', cell: (row) => age(row.progress?.lastEventAt, now), from: 90 },
    { title: 'MODEL', cell: (row) => oneLine(row.progress?.model ?? row.model ?? '', 30), from: 110 },
    { title: 'TOKENS', cell: tokenCell, from: 80 },
  ];
}

/** What a subagent is at, or what came of it, on one line. */
export function doing(row: SubagentRow): string {
  const said = row.status === 'working' || isFinal(row.status) ? row.task : DOING[row.status];
  const what = isFinal(row.status) ? (row.summary ?? '') : (row.progress?.doing ?? said);
  const denied = row.denied ?? row.progress?.denied ?? 0;
  const marks = [
    ...(row.failing ? ['its workflow fails: see the log of its worker'] : []),
    ...(row.orphan ? ['without a session'] : []),
    ...(denied > 0 ? [deniedText(denied)] : []),
  ];
  return oneLine(marks.map((mark) => `[${mark}] `).join('') + doingText(row, what), MAX_DOING_CHARS);
}

function tokenCell({ progress }: SubagentRow): string {
  return progress === undefined ? '' : tokens(progress.usage.inputTokens + progress.usage.outputTokens);
}
