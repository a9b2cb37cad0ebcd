import wrapAnsi from 'wrap-ansi';
import type { FleetList, ServerInfo, SubagentRow } from '../../client/index.ts';
import { caveatDescriptions } from '../../contract/outcome/caveat.ts';
import { DOING } from '../../contract/status/states.ts';
import { isFinal, type LiveStatus } from '../../contract/status/status.ts';
import { oneLine } from '../../contract/text/text.ts';
import type { Colors } from '../output.ts';
import { deniedText, tokensText } from './numbers.ts';
import { doingText, stateOf, stateSince, statusText } from './status.ts';
import { cut, table, type Column } from './table.ts';
import { age, durationText } from './time.ts';

/** Maximum length of the activity text in a list, even if no terminal cuts it. */
const MAX_DOING_CHARS = 160;

/** The target of a row: the label in this session, else `session/label`; with `@run` unless it is the newest run. */
function targetText(
  row: { session: string; label: string; run: number },
  session: string,
  newest = true,
): string {
  const name = row.session === session ? row.label : `${row.session}/${row.label}`;
  return newest ? name : `${name}@${row.run}`;
}

/** Describes the server and namespace in use. */
export function serverText({ address, namespace, origin }: ServerInfo): string {
  return `Temporal ${address}, namespace ${namespace} (${oneLine(origin, 100)})`;
}

/** The order of live subagents: first those that need attention, then working ones, then those that wait for a slot. */
const ORDER: Readonly<Record<LiveStatus, number>> = {
  asking: 0,
  waiting: 0,
  working: 1,
  verifying: 1,
  preparing: 1,
  stopping: 1,
  queued: 2,
};
const orderOf = ({ status, away, failing, stalled }: SubagentRow): number =>
  away || failing || stalled ? 0 : isFinal(status) ? 3 : ORDER[status];

/** All rows: live ones by `ORDER`, oldest first within each group; then finished ones, newest first. */
export function fleetRows(fleet: FleetList): SubagentRow[] {
  const live = fleet.sessions.flatMap((session) => session.live);
  const finished = fleet.sessions.flatMap((session) => session.finished);
  return [
    ...live.toSorted((a, b) => orderOf(a) - orderOf(b) || a.startedAt.localeCompare(b.startedAt)),
    ...finished.toSorted((a, b) => (b.endedAt ?? '').localeCompare(a.endedAt ?? '')),
  ];
}

/** Options of the list. */
export interface FleetTextOptions {
  /** The session whose labels are shown without its name. */
  readonly session: string;
  /** Columns of the terminal; if infinite, nothing is cut. */
  readonly width: number;
  readonly colors: Colors;
  readonly now: number;
  /** Whether the list is filtered. */
  readonly selective?: boolean;
}

/** The list of subagents as a table, with the server and notes. */
export function fleetText(fleet: FleetList, options: FleetTextOptions): string {
  const { top, rows, bottom } = fleetParts(fleet, options);
  return [...top, ...rows, ...bottom].join('\n');
}

/**
 * The list in three parts: lines above the rows, one row per subagent, and lines below. Notes are wrapped, never cut.
 */
export function fleetParts(
  fleet: FleetList,
  { session, width, colors, now, selective = false }: FleetTextOptions,
): { readonly top: string[]; readonly rows: string[]; readonly bottom: string[] } {
  const rows = fleetRows(fleet);
  const hidden = fleet.sessions.reduce((sum, each) => sum + each.finishedCount - each.finished.length, 0);
  const server = colors.dim(cut(serverText(fleet.server), Math.min(width, 200)));
  const none = selective
    ? 'No subagents match.'
    : 'No subagents yet. Spawn one: subagents spawn <label> "<task>"';
  const [titles, ...lines] =
    rows.length === 0
      ? wrapped(none, width)
      : table(rows, columns(rows, session, colors, now), width, colors).split('\n');
  const notes = fleet.notes.flatMap((note) =>
    wrapped(`${colors.yellow('!')} ${oneLine(note, 1_000)}`, width),
  );
  return {
    top: [server, '', titles ?? ''],
    rows: lines,
    bottom: [
      ...(hidden > 0 ? wrapped(colors.dim(`… and ${hidden} that finished earlier (list --all)`), width) : []),
      ...(notes.length > 0 ? ['', ...notes] : []),
    ],
  };
}

/** `text` in lines of at most `width` columns; on one line if that is infinite. */
export const wrapped = (text: string, width: number): string[] =>
  Number.isFinite(width) ? wrapAnsi(text, width, { hard: true }).split('\n') : [text];

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
    { title: 'TARGET', cell: (row) => targetText(row, session, isNewest(row)), cutMiddle: true },
    { title: 'STATUS', cell: (row) => statusText(stateOf(row), colors) },
    { title: 'DOING', cell: doing, flexible: true },
    {
      title: 'SINCE',
      cell: (row) => age(stateSince(row) ?? row.progress?.since ?? row.startedAt, now),
    },
    { title: 'TOOK', cell: took, from: 100 },
    { title: 'LAST EVENT', cell: (row) => age(row.progress?.lastEventAt, now), from: 90 },
    { title: 'MODEL', cell: (row) => oneLine(row.progress?.model ?? row.model ?? '', 30), from: 110 },
    { title: 'TOKENS', cell: tokenCell, from: 80 },
  ];
}

/** What a subagent is doing, or how it ended, on one line. */
export function doing(row: SubagentRow): string {
  const preset = row.status === 'working' || isFinal(row.status) ? row.task : DOING[row.status];
  const what = isFinal(row.status) ? (row.summary ?? '') : (row.progress?.doing ?? preset);
  const caveats = row.caveats ?? [];
  const denied = row.denied ?? row.progress?.denied ?? 0;
  const marks = [
    ...(row.orphan ? ['without a session'] : []),
    ...(caveats.length > 0 ? [`but: ${caveatDescriptions(caveats)}`] : []),
    ...(denied > 0 ? [deniedText(denied)] : []),
    ...(row.cleaned ? ['cleaned'] : []),
  ];
  return oneLine(marks.map((mark) => `[${mark}] `).join('') + doingText(row, what), MAX_DOING_CHARS);
}

function tokenCell({ progress, tokens: used }: SubagentRow): string {
  const { inputTokens, outputTokens } = progress?.usage ?? {};
  const known = used ?? (inputTokens === undefined ? undefined : inputTokens + (outputTokens ?? 0));
  return known === undefined ? '' : tokensText(known);
}

/** The time from the start to the end of a subagent. */
function took({ startedAt, endedAt }: SubagentRow): string {
  return endedAt === undefined ? '' : durationText(Math.max(0, Date.parse(endedAt) - Date.parse(startedAt)));
}
