import { CAVEATS, sanitizedLine, isFinal, tokensText } from '../../contract/index.ts';
import type { SessionListing, SubagentRow } from '../../client/index.ts';
import { workflowUrl } from '../../client/connection/links.ts';
import { fenced } from '../fence.ts';
import { moreFinished, NO_SUBAGENTS_YET, subagentText } from '../../prompts/index.ts';
import { ALL, identityView } from '../targets.ts';
import type { SubagentAnswer } from '../view.ts';
import type { Action } from './action.ts';

const MAX_WORDS_CHARS = 160;

/** Lists live and finished subagents, with what each is doing. */
export const listAction: Action = async (context, { target, count }) => {
  const subagents = await context.connect();
  const listings: readonly SessionListing[] =
    target === ALL
      ? (await subagents.list({ finished: count })).sessions
      : [await subagents.session(context.session).list({ finished: count })];
  const rows = listings.flatMap(({ live, finished }) => [...live, ...finished]);
  const link = (row: SubagentRow) => workflowUrl(subagents.target, row.workflowId, row.runId);
  const views = rows.map((row) => viewOf(row, link(row)));
  const notes = [...new Set(listings.flatMap((listing) => listing.notes))].map((note) =>
    sanitizedLine(note, 500),
  );
  const hidden = listings.reduce((sum, each) => sum + each.finishedCount - each.finished.length, 0);
  if (hidden > 0) notes.push(moreFinished(hidden));
  const words = rows.length === 0 ? undefined : fencedRows(rows);
  const lines = views.map((view, index) => textOf(view, rows[index] as SubagentRow, context.session));
  return {
    text: [
      ...(lines.length === 0 ? [NO_SUBAGENTS_YET] : lines),
      ...notes.map((note) => `note: ${note}`),
      ...(words === undefined ? [] : [words]),
    ].join('\n'),
    structured: { subagents: views, notes, ...(words !== undefined && { words }) },
  };
};

function viewOf(row: SubagentRow, link: string | undefined): SubagentAnswer {
  const usage = row.progress?.usage;
  return {
    ...identityView(row),
    status: row.status,
    since: row.endedAt ?? row.since ?? row.startedAt,
    ...(row.cleaned && { cleanedAt: row.cleaned.at }),
    ...(row.stalled && { stalled: { reason: row.stalled.reason, since: row.stalled.since } }),
    ...(row.caveats && { caveats: row.caveats.map((kind) => ({ kind, grade: CAVEATS[kind].grade })) }),
    ...(link !== undefined && { link }),
    ...(usage !== undefined && {
      measured: { inputTokens: usage.inputTokens, outputTokens: usage.outputTokens },
    }),
  };
}

/** The line of a subagent. Omits the link, which `show` has. */
function textOf(view: SubagentAnswer, row: SubagentRow, session: string): string {
  const usage = row.progress?.usage;
  const used = usage === undefined ? '' : `, ${tokensText(usage.inputTokens + usage.outputTokens)} tokens`;
  const prefix = row.session === session ? '' : `${row.session}/`;
  return `- ${prefix}${subagentText({ ...view, link: undefined })}${used}`;
}

/** The subagents' own words about what they are doing or how they ended, fenced. */
function fencedRows(rows: readonly SubagentRow[]): string {
  const lines = rows.flatMap((row) => {
    const text = isFinal(row.status) ? row.summary : (row.stalled?.detail ?? row.progress?.doing);
    return text === undefined ? [] : [`${row.label}@${row.run}: ${sanitizedLine(text, MAX_WORDS_CHARS)}`];
  });
  return fenced(
    'summaries',
    'the subagents named before each',
    lines.length === 0 ? '(nothing yet)' : lines.join('\n'),
  );
}
