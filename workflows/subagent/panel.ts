/** The live panel of a subagent in the Temporal Web UI: Markdown in which a model's text cannot become markup. */
import {
  head,
  caveatDescriptions,
  kindsOf,
  plural,
  type Approval,
  type DecidedApproval,
  type Outcome,
  type Receipt,
  STALLS,
  type Stalled,
  type Verification,
} from '../../src/contract/index.ts';
import { capitalized, codeSpan, EMPTY_LINE, codeBlock, timeToSecond } from '../shared/panel-text.ts';

/** The values that the panel shows. */
export interface PanelView {
  /** The subagent as commands name it. */
  readonly target: string;
  readonly status: string;
  readonly since: string;
  readonly turn: number;
  readonly repo: string;
  readonly branch: string | null | undefined;
  readonly workerId: string | undefined;
  readonly waitingFor: string | undefined;
  readonly stalled: Stalled | undefined;
  /** The commands of its set-up or its verification, while they run. */
  readonly runs: readonly string[];
  readonly questions: readonly { readonly id: string; readonly question: string }[];
  readonly approvals: readonly Approval[];
  readonly steers: readonly {
    readonly id: string;
    readonly message: string;
    readonly receipt?: Receipt | undefined;
  }[];
  readonly notes: readonly string[];
  readonly outcome: Outcome | undefined;
}

/** Characters of text by others (a failure, a summary) in the first line. */
const HEADING_CHARS = 300;

/** The whole panel, without the task, which the Web UI shows beside it in the details of the workflow. */
export function panel(view: PanelView): string {
  const { outcome } = view;
  const lines = [`### ${verdict(view)}`, ''];
  lines.push(`- ${outcome ? 'at' : 'since'} ${timeToSecond(view.stalled?.since ?? view.since)}`);
  if (view.stalled === undefined && view.waitingFor) lines.push(`- ${view.waitingFor}`);
  lines.push(`- repository ${codeSpan(view.repo)}`);
  if (view.branch) lines.push(`- branch ${codeSpan(view.branch)}`);
  lines.push(`- turn ${view.turn}${view.workerId ? `, worker ${codeSpan(view.workerId)}` : ''}`);
  if (view.runs.length > 0) lines.push(`- runs ${view.runs.map((command) => codeSpan(command)).join(', ')}`);
  if (view.status === 'working') {
    lines.push('- current activity: see the heartbeat of `runTurn` under *Pending Activities*');
  }
  const { failure } = outcome ?? {};
  if (failure?.remedy) lines.push(`- what to do: ${codeSpan(failure.remedy, 400)}`);
  if (failure && failure.message.length > HEADING_CHARS)
    lines.push('', '**Failure**', '', codeBlock(head(failure.message, 1_000)));
  if (outcome && outcome.caveats.length > 0)
    lines.push(
      '',
      '**But**',
      '',
      ...outcome.caveats.map(({ grade, text }) => `- ${grade}: ${codeSpan(text, 600)}`),
    );
  for (const { id, question } of view.questions)
    lines.push('', `**Asks** (${codeSpan(id)})`, '', codeBlock(head(question, 1_000)));
  for (const { id, tool, what, rule, layer, reason } of view.approvals) {
    lines.push('', `**Waits for approval** (${codeSpan(id)})`, '', codeBlock(`${tool}: ${what}`));
    const asks = [rule, layer, reason].filter((each) => each !== undefined);
    if (asks.length > 0) lines.push('', `asked for by ${asks.map((each) => codeSpan(each, 300)).join(', ')}`);
  }
  if (view.steers.length > 0) {
    lines.push('', '**Steers**', '');
    for (const steer of view.steers)
      lines.push(
        `- ${codeSpan(steer.message)} → ${steer.receipt ? describe(steer.receipt) : 'not delivered yet'}`,
      );
  }
  if (outcome) lines.push(...evidence(outcome));
  if (view.notes.length > 0)
    lines.push('', '**Notes**', '', ...view.notes.slice(-10).map((note) => `- ${codeSpan(note, 300)}`));
  lines.push('', EMPTY_LINE);
  return lines.join('\n');
}

/** The first line: the outcome or the current state, in one sentence. For questions, the command that answers them. */
function verdict(view: PanelView): string {
  const { status, outcome, stalled, questions, approvals } = view;
  if (outcome) return endHeading(outcome);
  if (stalled === undefined) return capitalized(status);
  if (stalled.reason === 'question') {
    const many = questions.length > 1;
    const what = many ? `Asks ${questions.length} questions: answer each with` : 'Asks: answer with';
    return `${what} ${codeSpan(`subagents answer ${view.target}${many ? ' -q <id>' : ''} "<answer>"`)}`;
  }
  if (stalled.reason === 'approval') {
    const [first, ...others] = approvals;
    const what = first === undefined ? '' : `: ${codeSpan(`${first.tool}: ${first.what}`, HEADING_CHARS)}`;
    const more = others.length === 0 ? '' : ` and ${plural(others.length, 'more call')}`;
    const which = first === undefined ? '<id>' : first.id;
    return `Waits for approval${what}${more}: ${codeSpan(`subagents approve ${view.target} -a ${which}`)}`;
  }
  const { state, words } = STALLS[stalled.reason];
  const was = state === status ? '' : ` (${status})`;
  const detail = stalled.detail === undefined ? '' : `: ${codeSpan(stalled.detail, HEADING_CHARS)}`;
  return `${capitalized(state)}${was}: ${words}${detail}`;
}

/** The first line for a subagent that has ended. Text by others is shown as code. */
function endHeading({ status, failure, summary, caveats, evidence, verifications }: Outcome): string {
  if (failure) return `${capitalized(status)}: ${codeSpan(failure.message, HEADING_CHARS)}`;
  if (status !== 'done')
    return `${capitalized(status)}: ${codeSpan(summary.replace(/^killed /, ''), HEADING_CHARS)}`;
  const but = caveats.length === 0 ? '' : `, but: ${caveatDescriptions(kindsOf(caveats))}`;
  const work = evidence === undefined ? [] : [plural(evidence.commitCount, 'commit')];
  const checks = verifications.length;
  const verified = checks === 0 ? 'no verification commands' : `verified by ${plural(checks, 'command')}`;
  return `Done${but}: ${[...work, verified].join(', ')}`;
}

function describe(receipt: Receipt): string {
  return `${receipt.delivery} at ${timeToSecond(receipt.at)}${receipt.during ? `, during ${codeSpan(receipt.during, 80)}` : ''}`;
}

function evidence(outcome: Outcome): string[] {
  const lines = ['', '**Evidence** (measured, not claimed)', ''];
  const found = outcome.evidence;
  if (found) {
    const { files, insertions, deletions } = found.diffStat;
    lines.push(
      `- ${plural(found.commitCount, 'commit')}, head ${codeSpan(found.head.slice(0, 12))}, base ${codeSpan(found.base.slice(0, 12))}`,
      `- ${plural(files, 'file')} changed, +${insertions} −${deletions}`,
    );
    if (outcome.push)
      lines.push(
        outcome.push.ref === undefined
          ? `- not pushed: ${codeSpan(outcome.push.problem ?? '', 600)}`
          : `- pushed to ${codeSpan(outcome.push.ref)} of ${codeSpan(outcome.push.remote)}`,
      );
    for (const what of found.touchedOutside ?? [])
      lines.push(`- touched outside its worktree while it worked: ${codeSpan(what, 300)}`);
    if (found.sensitive.length > 0)
      lines.push(
        `- look at first: ${found.sensitive
          .slice(0, 10)
          .map((path) => codeSpan(path))
          .join(', ')}`,
      );
  }
  for (const each of outcome.setup ?? []) lines.push(`- set up by ${commandLine(each)}`);
  for (const each of outcome.verifications)
    lines.push(`- ${each.exitCode === 0 ? 'verified by' : '**not** verified by'} ${commandLine(each)}`);
  if (outcome.sweep) {
    lines.push(
      `- processes: ${outcome.sweep.found} found, ${outcome.sweep.ended} ended, ${outcome.sweep.left.length} left (${outcome.sweep.proof})`,
      ...outcome.sweep.commands.slice(0, 10).map((command) => `- was running: ${codeSpan(command)}`),
    );
  }
  const { inputTokens, outputTokens, cachedTokens, toolCalls } = outcome.usage;
  lines.push(
    `- ${plural(outcome.turns, 'turn')}, ${plural(toolCalls, 'tool call')}, ${inputTokens} tokens in (${cachedTokens} cached), ${outputTokens} out`,
  );
  for (const { tool, what, count } of outcome.denials)
    lines.push(
      `- denied by its permissions: ${codeSpan(`${tool} ${what}`)}${count > 1 ? `, ${count} times` : ''}`,
    );
  for (const decided of outcome.approvals ?? []) lines.push(`- ${decidedLine(decided)}`);
  if (outcome.report !== '')
    lines.push('', '**Report** (the subagent’s words)', '', codeBlock(head(outcome.report, 4_000)));
  return lines;
}

function decidedLine({ tool, what, decision, by, decidedAt, why }: DecidedApproval): string {
  const who = by === undefined ? '' : ` by ${codeSpan(by)}`;
  const words = why === undefined ? '' : `: ${codeSpan(why, 300)}`;
  return `${decision}${who} at ${timeToSecond(decidedAt)}: ${codeSpan(`${tool}: ${what}`)}${words}`;
}

function commandLine({ command, exitCode, problem, durationMs }: Verification): string {
  const result = problem ? codeSpan(problem) : `exit ${exitCode}`;
  return `${codeSpan(command)}: ${result} after ${(durationMs / 1_000).toFixed(1)} s`;
}
