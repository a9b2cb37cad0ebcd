import type { SubagentDescription, SubagentHandle, Subagents } from '../../client/index.ts';
import { concurrently } from '../../client/connection/concurrency.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { AuditJson } from '../json.ts';
import { findTargets } from '../selection.ts';
import { table, type Column } from '../render/table.ts';
import { localTime } from '../render/time.ts';

type Row = AuditJson['entries'][number];

const COLUMNS: readonly Column<Row>[] = [
  { title: 'WHEN', cell: ({ at }) => localTime(at) },
  { title: 'WHO', cell: ({ by }) => by, flexible: true },
  { title: 'WHAT', cell: ({ action }) => action },
  { title: 'SUBAGENT', cell: ({ session, label, run }) => `${session}/${label}${run > 1 ? `@${run}` : ''}` },
];

/** `subagents audit` */
export async function auditCommand(
  context: Context,
  targets: readonly string[],
  { all = false }: { readonly all?: boolean | undefined },
): Promise<number> {
  const { output } = context;
  await using subagents = await context.connect();
  const handles =
    targets.length > 0
      ? await findTargets(context, subagents, targets)
      : await known(context, subagents, all);
  const described = await concurrently(handles, (handle) => handle.describe());
  const entries = described.flatMap(rows).sort((a, b) => a.at.localeCompare(b.at));
  output.data({ entries } satisfies AuditJson);
  if (entries.length > 0) output.line(table(entries, COLUMNS, output.width, output.colors));
  else output.note('There is no subagent yet.');
  return EXIT.ok;
}

const rows = ({ session, label, run, audit }: SubagentDescription): Row[] =>
  audit.map((entry) => ({ session, label, run, ...entry }));

async function known({ session }: Context, subagents: Subagents, all: boolean): Promise<SubagentHandle[]> {
  const fleet = await subagents.list({ all: true, progress: false, ...(!all && { sessions: [session] }) });
  return fleet.sessions.flatMap((listed) =>
    [...listed.live, ...listed.finished].map(({ label, run }) =>
      subagents.session(listed.session).subagent(`${label}@${run}`),
    ),
  );
}
