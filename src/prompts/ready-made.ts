/** The tasks of ready-made chains. What is put into them has its braces escaped: nothing in it is a quote. */

/** The analysts of a review: the step, and what it looks at. */
export const ANALYSTS = [
  [
    'security',
    'what an attacker could do with the change: untrusted input, injection, authentication and authorization, secrets, paths, unbounded resources, unsafe dependencies',
  ],
  [
    'performance',
    'what the change costs: complexity, repeated or needless work, input and output in loops, memory, locks, unbounded growth',
  ],
  [
    'style',
    'how the change reads: names, structure, duplication, dead code, error handling, tests and documentation, and where it deviates from the rest of the repository',
  ],
] as const;

/** The task of an analyst. @param diff fenced */
export function analysisTask({
  id,
  about,
  names,
  diff,
  truncated,
}: {
  readonly id: string;
  readonly about: string;
  /** The change, as `name (commit) since name (commit)`. */
  readonly names: string;
  readonly diff: string;
  readonly truncated: boolean;
}): string {
  const cut = truncated ? '\nThe diff is cut here; see the rest in the files of your worktree.' : '';
  return `Review a change for ${id} alone: ${about}. Other reviewers cover the other aspects. Change nothing, and post nothing.

The change is ${names}. Your worktree has the repository with it. Read the diff below, and the code around it.
Report each finding with file and line, how serious it is (high, medium or low), why, and what to do; the most serious first. Report only what you have checked in the code. If you find nothing, say so.

${diff}${cut}`;
}

/** The task of the step that sums a review up. @param post what to do with the summary besides */
export function summaryTask({
  names,
  post,
}: {
  readonly names: string;
  readonly post: string | undefined;
}): string {
  return `Sum up the review of a change, ${names}, from the reports of its analysts below.

Begin with a verdict in one sentence. Then list the findings, the most serious first, each once, with file and line, what is wrong and what to do. Leave out findings that the code in your worktree refutes, and say that you left them out. Change nothing in the repository.
${post === undefined ? 'Your report is the summary. Post it nowhere.' : `Your report is the summary. Then do this with it, and nothing else: ${post}`}

${ANALYSTS.map(([id]) => `The report on ${id}: {{${id}.report}}`).join('\n')}`;
}

/** The task of the step that researches. */
export const researchTask = (
  task: string,
): string => `Prepare the task below for another subagent, which implements it from your report alone. Change nothing.

Find out which files and functions it concerns, how they work today, what else depends on them, which tests cover them, and how the repository is built and tested. Then decide how to do it.
Report: what you found, with files and lines; the change that you propose, step by step; how to verify it; what is open or risky.

The task:
${task}`;

/** The task of the step that implements what was found. */
export const implementTask = (
  task: string,
): string => `Do the task below, with its tests, and commit. Another subagent has researched it: its findings follow the task. Check them against the code where you rely on them.

The task:
${task}

Findings: {{research.report}}`;
