/** What a subagent is told of work whose conversation is gone. */
import { head, MAX_HANDOVER_CHARS, type Status } from '../contract/index.ts';

/** The work of an earlier run, before the task of the run that continues it. */
export function earlierRunHandover({
  task,
  status,
  summary,
  report,
}: {
  readonly task: string;
  readonly status: Status;
  readonly summary?: string | undefined;
  readonly report?: string | undefined;
}): string {
  const third = MAX_HANDOVER_CHARS / 3;
  const text = [
    'You continue the work of an earlier run, whose conversation is lost. Its work is in your workspace and in the commits of the branch that is checked out. Its task was:',
    head(task, third),
    `It ended as ${status}${summary === undefined ? '.' : `: ${head(summary, 1_000)}`}`,
    ...(report ? ['Its report:', head(report, third)] : []),
    'Your task now:',
  ];
  return head(text.join('\n\n'), MAX_HANDOVER_CHARS);
}

/** Maximum number of commits, and of files, that are listed. */
const SHOWN = 30;

/** The work of this run so far. Empty if nothing is known. */
export function workSoFarText({
  commits,
  files,
  transcript,
}: {
  readonly commits: readonly string[];
  readonly files: readonly string[];
  readonly transcript: string;
}): string {
  return [
    ...part('Your commits so far, newest first:', commits),
    ...part('Files that are not committed:', files),
    ...(transcript === '' ? [] : ['The end of the conversation, as far as it can be read:', transcript]),
  ].join('\n\n');
}

function part(title: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  const more = lines.length > SHOWN ? [`… and ${lines.length - SHOWN} more`] : [];
  return [title, [...lines.slice(0, SHOWN), ...more].map((line) => `* ${line}`).join('\n')];
}
