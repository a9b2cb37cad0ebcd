/** An outcome for a main agent: what we measured, and the names that are fenced. */
import {
  blocking,
  CAVEATS,
  isOwnBranch,
  plural,
  removedText,
  durationText,
  usageText,
  type Cleaned,
  type Outcome,
} from '../contract/index.ts';

const MAX_LISTED = 30;

/** The evidence as lines that contain nothing the subagent chose. @param cleaned what a clean has removed */
export function evidenceLines(outcome: Outcome, cleaned?: Cleaned): string[] {
  const { evidence, sweep, durations, verifications, failure } = outcome;
  const lines: string[] = [];
  if (failure !== undefined) lines.push(`failed because of: ${failure.class}`);
  for (const { kind, grade } of outcome.caveats)
    lines.push(
      `but: ${CAVEATS[kind].says}${grade === 'blocking' ? ' (merge and push refuse it without force)' : ''}`,
    );
  if (evidence !== undefined) {
    const { branch, diffStat } = evidence;
    const where = isOwnBranch(branch, outcome.label) ? `branch ${branch}` : 'no branch of its own';
    lines.push(
      `${where}, base ${short(evidence.base)}, head ${short(evidence.head)}: ${plural(evidence.commitCount, 'commit')}, ` +
        `${plural(diffStat.files, 'file')} (+${diffStat.insertions} -${diffStat.deletions})`,
    );
    if (evidence.savedLeftovers) lines.push('its uncommitted changes were committed by the worker');
    if (evidence.uncommitted.length > 0)
      lines.push(`${plural(evidence.uncommitted.length, 'path')} changed and not committed`);
    if (evidence.sensitive.length > 0)
      lines.push(`${plural(evidence.sensitive.length, 'file')} to review first: tests, CI, package scripts`);
    if (evidence.touchedOutside !== undefined && evidence.touchedOutside.length > 0)
      lines.push('something outside its worktree changed while it worked, caused by it or by others');
  }
  if (outcome.push !== undefined)
    lines.push(outcome.push.ref === undefined ? 'its branch was not pushed' : 'its branch was pushed');
  for (const [index, { exitCode, durationMs }] of verifications.entries())
    lines.push(
      `verification ${index + 1} of ${verifications.length}: ${exitCode === null ? 'no exit code' : `exit ${exitCode}`} in ${durationText(durationMs)}`,
    );
  // A chain verifies nothing itself: each of its steps does.
  if (verifications.length === 0 && outcome.status === 'done' && outcome.steps === undefined)
    lines.push('no verification commands: only the subagent itself says that it is done');
  if (sweep !== undefined)
    lines.push(
      `processes: ${sweep.found} found, ${sweep.ended} ended, ${sweep.left.length} left (${sweep.proof})`,
    );
  lines.push(
    `cost: ${usageText(outcome.usage)}; ${plural(outcome.turns, 'turn')}, working ${durationText(durations.workingMs)}, in all ${durationText(durations.totalMs)}`,
  );
  return [...lines, ...nextLines(outcome, cleaned)];
}

/** Where the work is, and the next steps. */
function nextLines(
  { evidence, session, label, status, caveats, saved }: Outcome,
  cleaned?: Cleaned,
): string[] {
  const gone = cleaned === undefined ? [] : [`cleaned at ${cleaned.at}: ${removedText(cleaned)}`];
  if (evidence === undefined || cleaned?.removed.includes('branch') === true) return gone;
  const { cwd, branch, commitCount, repository } = evidence;
  const ours = isOwnBranch(branch, label);
  const merge =
    repository === undefined || saved !== undefined
      ? `subagents merge ${session}/${label}${status === 'done' && blocking(caveats).length === 0 ? '' : ' --force'}`
      : `git fetch ${JSON.stringify(repository)} ${branch}`;
  return [
    ...gone,
    ...(cleaned?.removed.includes('worktree') === true
      ? []
      : [`${ours ? 'worktree' : 'folder'} ${JSON.stringify(cwd)}`]),
    `next: the actions diff and continue with target ${label}`,
    ...(ours && commitCount > 0 ? [`to merge it, when the human wants it, in a shell: ${merge}`] : []),
  ];
}

/** Names that the subagent, its commands or its repository chose, each with our word for what it is. */
export function nameLines(outcome: Outcome): string[] {
  const { evidence, failure, caveats, verifications, sweep, notes } = outcome;
  const listed = (title: string, names: readonly string[]) =>
    names.length === 0
      ? []
      : [
          ...names.slice(0, MAX_LISTED).map((name) => `${title}: ${oneRow(name)}`),
          ...(names.length > MAX_LISTED ? [`${title}: and ${names.length - MAX_LISTED} more`] : []),
        ];
  return [
    ...listed('failure', failure === undefined ? [] : [failure.message]),
    ...listed(
      'but',
      caveats.map(({ text }) => text),
    ),
    ...listed(
      'branch',
      evidence?.branch != null && !isOwnBranch(evidence.branch, outcome.label) ? [evidence.branch] : [],
    ),
    ...listed(
      'verification',
      verifications.map(({ command }) => command),
    ),
    ...listed(
      'commit',
      (evidence?.commits ?? []).map(({ sha, subject }) => `${short(sha)} ${subject}`),
    ),
    ...listed('touched outside its worktree', evidence?.touchedOutside ?? []),
    ...listed('review first', evidence?.sensitive ?? []),
    ...listed('file', evidence?.filesChanged ?? []),
    ...listed('not committed', evidence?.uncommitted ?? []),
    ...listed('was running', sweep?.commands ?? []),
    ...listed('note', notes),
  ];
}

/** Keeps a name on one line. */
const oneRow = (name: string): string => name.replace(/\s+/gu, ' ').slice(0, 200);
const short = (sha: string): string => sha.slice(0, 9);
