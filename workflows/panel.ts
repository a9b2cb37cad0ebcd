/** The live panel of a subagent in the Temporal Web UI: Markdown, in which a model's words cannot be more than words. */
import {
  head,
  oneLine,
  plain,
  type Outcome,
  type Receipt,
  type Verification,
} from '../src/contract/index.ts';

/** What the panel shows. */
export interface PanelView {
  readonly status: string;
  readonly since: string;
  readonly task: string;
  readonly turn: number;
  readonly repo: string;
  readonly branch: string | null | undefined;
  readonly workerId: string | undefined;
  readonly waitingFor: string | undefined;
  /** Commands of its set-up or its verification, while they run. */
  readonly runs: readonly string[];
  readonly questions: readonly { readonly id: string; readonly question: string }[];
  readonly steers: readonly {
    readonly id: string;
    readonly message: string;
    readonly receipt?: Receipt | undefined;
  }[];
  readonly notes: readonly string[];
  readonly outcome: Outcome | undefined;
}

/** Characters of a line in a fence: the Web UI does not wrap there, and its panel has room for about so many. */
const FENCE_WIDTH = 70;
/** The Web UI cuts the last 32 pixels of a panel off: they are those of an empty line. */
export const EMPTY_LINE = '\u00A0';

/** `text` in a code fence longer than any run of backticks inside it, without control sequences. */
export function fence(text: string): string {
  const clean = plain(text);
  const longest = Math.max(2, ...(clean.match(/`+/g) ?? []).map((run) => run.length));
  const bars = '`'.repeat(longest + 1);
  return `${bars}text\n${wrap(clean)}\n${bars}`;
}

/** `text` as one inline code span that nothing inside can end. */
export function code(text: string, max = 200): string {
  return `\`${oneLine(text, max).replaceAll('`', 'ˋ')}\``;
}

/** The whole panel. */
export function panel(view: PanelView): string {
  const { outcome } = view;
  const lines = [
    `### ${view.status}`,
    '',
    `${outcome ? 'at' : 'since'} ${moment(view.since)}${view.waitingFor ? `, ${view.waitingFor}` : ''}`,
    '',
  ];
  lines.push(`- repository ${code(view.repo)}`);
  if (view.branch) lines.push(`- branch ${code(view.branch)}`);
  lines.push(`- turn ${view.turn}${view.workerId ? `, worker ${code(view.workerId)}` : ''}`);
  if (view.runs.length > 0) lines.push(`- runs ${view.runs.map((command) => code(command)).join(', ')}`);
  if (view.status === 'working') {
    lines.push('- what it does now: the heartbeat of `runTurn`, under *Pending Activities*');
  }
  if (outcome?.failure) lines.push('', '**Failure**', '', fence(head(outcome.failure.message, 1_000)));
  for (const { question } of view.questions) lines.push('', '**Asks**', '', fence(head(question, 1_000)));
  if (view.steers.length > 0) {
    lines.push('', '**Steers**', '');
    for (const steer of view.steers)
      lines.push(`- ${code(steer.message)} → ${steer.receipt ? describe(steer.receipt) : 'on its way'}`);
  }
  if (outcome) lines.push(...evidence(outcome));
  else lines.push('', '**Task**', '', fence(head(view.task, 2_000)));
  if (view.notes.length > 0)
    lines.push('', '**Notes**', '', ...view.notes.slice(-10).map((note) => `- ${code(note, 300)}`));
  lines.push('', EMPTY_LINE);
  return lines.join('\n');
}

function describe(receipt: Receipt): string {
  return `${receipt.delivery} at ${moment(receipt.at)}${receipt.during ? `, during ${code(receipt.during, 80)}` : ''}`;
}

function evidence(outcome: Outcome): string[] {
  const lines = ['', '**Evidence** (measured, not claimed)', ''];
  const found = outcome.evidence;
  if (found) {
    const { files, insertions, deletions } = found.diffStat;
    lines.push(
      `- ${plural(found.commitCount, 'commit')}, head ${code(found.head.slice(0, 12))}, base ${code(found.base.slice(0, 12))}`,
      `- ${plural(files, 'file')} changed, +${insertions} −${deletions}`,
    );
    for (const what of found.touchedOutside ?? [])
      lines.push(`- touched outside its worktree while it worked: ${code(what, 300)}`);
    if (found.sensitive.length > 0)
      lines.push(
        `- look at first: ${found.sensitive
          .slice(0, 10)
          .map((path) => code(path))
          .join(', ')}`,
      );
  }
  for (const each of outcome.setup ?? []) lines.push(`- set up by ${ran(each)}`);
  for (const each of outcome.verifications) lines.push(`- verified by ${ran(each)}`);
  if (outcome.sweep) {
    lines.push(
      `- processes: ${outcome.sweep.found} found, ${outcome.sweep.ended} ended, ${outcome.sweep.left.length} left (${outcome.sweep.proof})`,
    );
  }
  const { inputTokens, outputTokens, cachedTokens, toolCalls } = outcome.usage;
  lines.push(
    `- ${plural(outcome.turns, 'turn')}, ${plural(toolCalls, 'tool call')}, ${inputTokens} tokens in (${cachedTokens} cached), ${outputTokens} out`,
  );
  for (const { tool, what, count } of outcome.denials)
    lines.push(
      `- denied by its permissions: ${code(`${tool} ${what}`)}${count > 1 ? `, ${count} times` : ''}`,
    );
  if (outcome.report !== '')
    lines.push('', '**Report** (the subagent’s words)', '', fence(head(outcome.report, 4_000)));
  return lines;
}

function ran({ command, exitCode, problem, durationMs }: Verification): string {
  const result = problem ? code(problem) : `exit ${exitCode}`;
  return `${code(command)}: ${result} after ${(durationMs / 1_000).toFixed(1)} s`;
}

/** `1 commit`, `2 commits`. */
const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** An ISO 8601 time, to the second. */
const moment = (iso: string): string => `${iso.slice(0, 19).replace('T', ' ')} UTC`;

/** `text` with its long lines broken between words. */
function wrap(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(new RegExp(`(.{1,${FENCE_WIDTH}})(?: +|$)`, 'g'), '$1\n').trimEnd())
    .join('\n');
}
