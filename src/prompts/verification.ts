/** What a subagent is told whose work did not pass its verification. */
import { tail, type Verification } from '../contract/index.ts';

/** Sent where verification did not pass. @param problems each a paragraph */
export function failedVerificationPrompt(problems: readonly string[]): string {
  return [
    'Your work was verified, and it did not pass.',
    ...problems,
    'Fix the cause, and commit the fix. Do not weaken, skip or remove the check: it is not yours to change, and changes ' +
      'to it are shown to the reviewer. When you are done, the same commands run again on your commit.',
  ].join('\n\n');
}

/** A command that did not exit 0. @param took how long it ran; @param max how many characters of its output are shown */
export function commandProblem(
  { command, exitCode, outputTail, problem }: Verification,
  took: string,
  max: number,
): string {
  const how = `${exitCode === null ? 'did not pass' : `exited with code ${exitCode}`} after ${took}`;
  const why = problem === undefined ? '' : ` (${problem})`;
  const output = tail(outputTail, max);
  const end = output === '' ? 'It printed nothing.' : `The end of its output:\n\n${indented(output)}`;
  return `The command \`${command}\` ${how}${why}. ${end}`;
}

/** Indents the output as a block, which no line of the output can end. */
const indented = (text: string): string => text.replace(/^/gm, '    ');

/** @param problem what `commandProblem` says of a set-up command */
export const freshSetUpProblem = (problem: string): string => `set-up in a fresh checkout: ${problem}`;

export const headMoved = (head: string, at: string | undefined): string =>
  `HEAD is at ${at ?? 'no commit'}, but ${head} was to be verified.`;

export const headMovedByCommands = ({
  branch,
  head,
}: {
  readonly branch?: string | undefined;
  readonly head?: string | undefined;
}): string =>
  `The commands moved HEAD: it is ${branch ?? 'no branch'} at ${head ?? 'no commit'} now. Verification must not commit or check out.`;

export const worktreeReplaced = (replaced: readonly string[]): string =>
  `The commands replaced the worktree: ${replaced.join('; ')}.`;

/** @param files their names in a sentence */
export const trackedFilesChanged = (files: string): string =>
  `The commands changed tracked files: ${files}. ` +
  'Commit them as the commands write them, or stop the commands from changing them.';

/**
 * In what the folder differed from a checkout of the commit while the commands ran.
 * @param unsaved names of paths that no commit has, in a sentence; empty without any
 * @param otherwise names of files that a checkout writes otherwise
 */
export function asideHints({
  unsaved,
  otherwise,
}: {
  readonly unsaved: string;
  readonly otherwise: string;
}): string[] {
  const hints = [];
  if (unsaved !== '')
    hints.push(
      `They ran without these files of the worktree, which are in no commit: ${unsaved}. ` +
        'The files were set aside meanwhile, because a checkout of your commit would not have them.',
    );
  if (otherwise !== '')
    hints.push(
      `They ran with these files as a checkout of your commit writes them: ${otherwise}. ` +
        'In the worktree their contents differ: git converts them (.gitattributes, filters, line endings).',
    );
  return hints;
}
