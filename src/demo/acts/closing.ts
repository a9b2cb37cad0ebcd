import type { Outcome } from '../../client/index.ts';
import { oneLine } from '../../contract/index.ts';
import { Git } from '../../git/git.ts';
import { countText, elapsedText, withoutWorktree } from '../narrator.ts';
import { STEERED_SENTENCE } from '../project-files.ts';
import type { Stage } from '../stage.ts';
import { DOCS, FIX, tasks, WRONG } from '../tasks.ts';

const MAX_NOTE_CHARS = 140;

/** Shows how the three subagents ended, from their outcomes and from git, and whether anything was lost. */
export async function showOutcomes(stage: Stage, runs: ReadonlyMap<string, string>): Promise<void> {
  for (const label of [FIX, DOCS, WRONG]) await showOutcome(stage, label, runs.get(label));
  await showSteered(stage);
  await showMain(stage);
}

async function showOutcome(stage: Stage, label: string, runId: string | undefined): Promise<void> {
  const { narrator, session } = stage;
  const subagent = session.subagent(label);
  const [outcome, identity] = await Promise.all([subagent.result(), subagent.identity()]);
  let prompts = 0;
  const beginning = oneLine(tasks(stage.repo).find((spec) => spec.label === label)?.task ?? '', 60).slice(
    0,
    -1,
  );
  for await (const { kind, text } of subagent.transcript())
    if (kind === 'task' && oneLine(text, 1_000).startsWith(beginning)) prompts++;
  const expected = label === WRONG ? 'killed' : 'done';
  const { usage, turns, durations, failure } = outcome;
  const tokens = `${usage.inputTokens} tokens in (${usage.cachedTokens} cached), ${usage.outputTokens} out`;
  narrator.check(
    // A real model may finish before it is killed.
    outcome.status === expected || (!stage.scripted && label === WRONG && outcome.status === 'done'),
    label,
    'outcome',
    `${outcome.status} after ${elapsedText(durations.totalMs)}${outcome.status === 'killed' ? '' : `: ${countText(turns, 'turn')}, ${countText(usage.toolCalls, 'tool call')}, ${tokens}`}`,
    { outcome },
  );
  if (failure !== undefined) narrator.detail(`${failure.class}: ${failure.message}`);
  if (failure?.remedy !== undefined) narrator.detail(failure.remedy);
  if (label !== WRONG) showVerification(stage, label, outcome);
  narrator.check(
    identity.runId === runId && prompts === 1,
    label,
    'nothing-lost',
    `${identity.runId === runId ? 'still the run that was spawned' : 'another run than was spawned'}, got its task ${prompts === 1 ? 'once' : `${prompts} times`}`,
    { runId: identity.runId, prompts },
  );
  for (const note of outcome.notes)
    narrator.detail(`note: ${oneLine(withoutWorktree(note, stage.home), MAX_NOTE_CHARS)}`);
  await showBranch(stage, label, outcome);
}

function showVerification({ narrator }: Stage, label: string, { verifications, evidence }: Outcome): void {
  for (const { command, exitCode, durationMs } of verifications) {
    narrator.check(
      exitCode === 0,
      label,
      'verified',
      `verified on commit ${evidence?.head.slice(0, 7)}: \`${command}\` ended with exit code ${exitCode} after ${elapsedText(durationMs)}`,
      { command, exitCode, head: evidence?.head },
    );
  }
  if (verifications.length === 0) narrator.check(false, label, 'verified', 'nothing was verified');
}

async function showBranch(
  { narrator, repo, base }: Stage,
  label: string,
  { evidence }: Outcome,
): Promise<void> {
  const branch = evidence?.branch;
  const log =
    branch == null
      ? ''
      : await Git.at(repo).run(['log', '--format=%h %s', '--shortstat', `${base}..${branch}`]);
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const commits = lines.filter((line) => !line.startsWith(' '));
  const text = `branch ${branch ?? 'none'}: ${countText(commits.length, 'commit')}`;
  if (label === WRONG) narrator.report(label, 'branch', text, { branch, commits });
  else narrator.check(commits.length > 0, label, 'branch', text, { branch, commits });
  for (const line of lines) narrator.detail(line.startsWith(' ') ? `  ${line.trim()}` : line);
}

async function showSteered({ narrator, repo, scripted }: Stage): Promise<void> {
  const branch = `subagents/${DOCS}`;
  const readme = await Git.at(repo).run(['show', `${branch}:README.md`]);
  const followed = readme.includes(STEERED_SENTENCE);
  const text = followed
    ? `the README of ${branch} has “${STEERED_SENTENCE}”: the steer was followed`
    : `the README of ${branch} lacks “${STEERED_SENTENCE}”`;
  if (followed || scripted) narrator.check(followed, DOCS, 'steer-followed', text);
  else narrator.report(DOCS, 'steer-followed', `${text}: the model did not follow the steer`);
}

async function showMain({ narrator, repo, base }: Stage): Promise<void> {
  const [head, changes] = await Promise.all([
    Git.at(repo).run(['rev-parse', 'main']),
    Git.at(repo).run(['status', '--porcelain']),
  ]);
  narrator.check(
    head === base && changes === '',
    'demo',
    'main-untouched',
    head === base && changes === ''
      ? 'main and the checkout are unchanged: the branches wait for a review.'
      : `main is at ${head.slice(0, 7)}, and the checkout has changes: ${changes}`,
  );
}
