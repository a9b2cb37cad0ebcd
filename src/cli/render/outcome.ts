import { drawChain } from '../../chain/draw.ts';
import type { Caveat, Evidence, Outcome, SweepReport, Verification } from '../../client/index.ts';
import { countDenials } from '../../contract/outcome/totals.ts';
import { oneLine, stripControls } from '../../contract/text/text.ts';
import type { Colors } from '../output.ts';
import { toSubagentEnd, type EndedSubagent } from '../waiting.ts';
import { decidedText } from './approvals.ts';
import { nextLines } from './next.ts';
import { deniedText, plural, usageText } from './numbers.ts';
import { stateOf, statusText } from './status.ts';
import { durationText } from './time.ts';

/** A short form of a subagent's end: status, summary, the state of its branch, why it failed, and the next commands. */
export function endText(end: EndedSubagent, name: string, colors: Colors): string {
  const { outcome } = end;
  const first = `${statusText(stateOf(toSubagentEnd(end)), colors)} ${colors.bold(name)}`;
  if (outcome === undefined) return `${first}  ${end.problem ?? ''}`.trimEnd();
  const lines = [
    `${first}  ${oneLine(outcome.summary, 400)}  ${colors.dim(durationText(outcome.durations.totalMs))}`,
  ];
  lines.push(...caveatLines(outcome.caveats, colors).map((line) => `  ${line}`));
  if (outcome.failure?.remedy !== undefined)
    lines.push(`  ${colors.cyan('→')} ${oneLine(outcome.failure.remedy, 400)}`);
  if (outcome.evidence !== undefined) lines.push(`  ${evidenceLine(outcome.evidence)}`);
  if (outcome.push?.ref !== undefined) lines.push(`  ${pushLine(outcome.push)}`);
  else if (outcome.status === 'done' && outcome.push !== undefined)
    lines.push(...pushProblem(outcome.push, name).map((line) => `  ${colors.yellow(line)}`));
  for (const what of outcome.evidence?.touchedOutside ?? [])
    lines.push(`  ${colors.yellow(`touched outside its worktree: ${oneLine(what, 300)}`)}`);
  if (outcome.steps !== undefined)
    lines.push(
      ...drawChain(outcome.steps)
        .split('\n')
        .map((line) => `  ${line}`),
    );
  for (const command of outcome.setup ?? [])
    if (command.exitCode !== 0) lines.push(`  ${verificationLine(command, colors)}`);
  for (const verification of outcome.verifications) lines.push(`  ${verificationLine(verification, colors)}`);
  if (outcome.denials.length > 0) lines.push(`  ${colors.yellow(deniedText(countDenials(outcome.denials)))}`);
  lines.push(...nextLines(outcome, name, colors));
  return lines.join('\n');
}

/** One line for each caveat. */
function caveatLines(caveats: readonly Caveat[], colors: Colors): string[] {
  return caveats.map(({ grade, text }) => {
    const line = oneLine(text, 1_000);
    return grade === 'blocking' ? colors.yellow(`but: ${line}`) : `note: ${line}`;
  });
}

const pushLine = ({ remote, ref = '', commit }: NonNullable<Outcome['push']>): string =>
  `pushed ${commit.slice(0, 9)} to ${ref.replace('refs/heads/', '')} of ${remote}`;

/** Why the branch of a done subagent was not pushed, and the command that pushes it. */
const pushProblem = ({ problem }: NonNullable<Outcome['push']>, name: string): string[] => [
  oneLine(problem ?? '', 1_000),
  `to push it anyway: subagents continue ${name} "<task>" --force`,
];

/** Branch, commits and size of the changes on one line. */
function evidenceLine({ branch, head, commitCount, diffStat }: Evidence): string {
  const { files, insertions, deletions } = diffStat;
  return (
    `${branch ?? 'no branch'} at ${head.slice(0, 9)}: ${plural(commitCount, 'commit')}, ` +
    `${plural(files, 'file')} (+${insertions} -${deletions})`
  );
}

function verificationLine({ command, exitCode, durationMs, problem }: Verification, colors: Colors): string {
  const mark = exitCode === 0 ? colors.green('✓') : colors.red('✗');
  const result = exitCode === null ? oneLine(problem ?? 'no exit code', 200) : `exit ${exitCode}`;
  return `${mark} ${oneLine(command, 200)}  ${result}, ${durationText(durationMs)}`;
}

/** The whole outcome as `show` prints it. */
export function outcomeLines(outcome: Outcome, colors: Colors): string[] {
  const { evidence, failure, durations } = outcome;
  const lines: string[] = [];
  const section = (title: string, body: readonly string[]) => {
    if (body.length > 0) lines.push('', colors.bold(title), ...body.map((line) => `  ${line}`));
  };
  if (failure !== undefined) {
    section('Failure', [
      `${failure.class}: ${oneLine(failure.message, 1_000)}`,
      ...(failure.remedy === undefined ? [] : [`→ ${oneLine(failure.remedy, 500)}`]),
    ]);
  }
  section(outcome.status === 'done' ? 'Done, but' : 'Caveats', caveatLines(outcome.caveats, colors));
  if (evidence !== undefined) section('Evidence (measured, not claimed)', evidenceLines(evidence, colors));
  if (outcome.push !== undefined)
    section(
      'Push',
      [outcome.push.problem ?? pushLine(outcome.push)].map((line) => oneLine(line, 1_000)),
    );
  section(
    'Set-up',
    (outcome.setup ?? []).flatMap((each) => verificationLines(each, colors)),
  );
  section(
    'Verification',
    outcome.verifications.flatMap((each) => verificationLines(each, colors)),
  );
  section('Report (the subagent’s own words)', [
    ...stripControls(outcome.report)
      .trim()
      .split('\n')
      .filter((_, index, all) => all.length > 1 || all[index] !== ''),
    ...(outcome.reportChars === undefined
      ? []
      : [
          `… ${outcome.reportChars - outcome.report.length} more characters: subagents logs ${outcome.label}@${outcome.run}`,
        ]),
  ]);
  section(
    `Denied (permissions: ${outcome.permissions ?? 'all'})`,
    outcome.denials.map(
      ({ tool, what, count }) => `${oneLine(`${tool} ${what}`, 200)}${count > 1 ? ` (${count} times)` : ''}`,
    ),
  );
  section('Approvals', (outcome.approvals ?? []).map(decidedText));
  section(
    'Loaded from the repository (--trust-repo)',
    outcome.loaded.map((line) => oneLine(line, 200)),
  );
  if (outcome.sweep !== undefined) section('Processes', sweepLines(outcome.sweep));
  section('Cost', [
    usageText(outcome.usage),
    `${plural(outcome.turns, 'turn')}, ${plural(outcome.repairs, 'repair')}; queued ${durationText(durations.queuedMs)}, ` +
      `working ${durationText(durations.workingMs)}, verifying ${durationText(durations.verifyingMs)}, in all ${durationText(durations.totalMs)}`,
  ]);
  section(
    'Notes',
    outcome.notes.map((note) => oneLine(note, 1_000)),
  );
  return lines;
}

function evidenceLines(evidence: Evidence, colors: Colors): string[] {
  const lines = [evidenceLine(evidence), `base ${evidence.base.slice(0, 9)}, in ${evidence.cwd}`];
  for (const { sha, subject } of evidence.commits)
    lines.push(`${colors.yellow(sha.slice(0, 9))} ${oneLine(subject, 120)}`);
  if (evidence.commitCount > evidence.commits.length)
    lines.push(`and ${evidence.commitCount - evidence.commits.length} more`);
  if (evidence.savedLeftovers) lines.push('the last commit has the changes that it left uncommitted');
  if (evidence.uncommitted.length > 0)
    lines.push(`not committed: ${oneLine(evidence.uncommitted.join(', '), 1_000)}`);
  if (evidence.touchedOutside !== undefined && evidence.touchedOutside.length > 0) {
    lines.push(colors.yellow('touched outside its worktree while it worked (by it or by others):'));
    lines.push(...evidence.touchedOutside.map((what) => colors.yellow(`  ${oneLine(what, 500)}`)));
  }
  if (evidence.sensitive.length > 0) {
    lines.push(colors.yellow(`look first: ${oneLine(evidence.sensitive.join(', '), 1_000)}`));
  }
  return lines;
}

function verificationLines(verification: Verification, colors: Colors): string[] {
  const lines = [verificationLine(verification, colors)];
  if (verification.exitCode === 0) return lines;
  const output = stripControls(verification.outputTail).trimEnd();
  if (output !== '')
    lines.push(
      ...output
        .split('\n')
        .slice(-20)
        .map((line) => colors.dim(`  | ${line}`)),
    );
  if (verification.outputFile !== undefined)
    lines.push(colors.dim(`  all of it: ${verification.outputFile}`));
  return lines;
}

/** The proof of death as text. */
export function sweepLines(sweep: SweepReport): string[] {
  const proof =
    sweep.proof === 'proven' ? 'proven by a last scan' : 'unproven: not every process could be checked';
  const left = sweep.left.length === 0 ? 'none left' : `${sweep.left.length} LEFT`;
  const found =
    sweep.found === 0
      ? 'no process was left'
      : `${plural(sweep.found, 'process')} found, ${sweep.ended} ended, ${left}`;
  return [
    `${found} (${proof}; ${durationText(sweep.durationMs)})`,
    ...sweep.left.map(({ pid, command }) => `left: ${pid} ${oneLine(command, 120)}`),
    ...sweep.commands.map((command) => `was running: ${oneLine(command, 120)}`),
    ...(sweep.notChecked.length === 0 ? [] : [`not checked: ${oneLine(sweep.notChecked.join('; '), 400)}`]),
  ];
}
