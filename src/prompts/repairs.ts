/** What a subagent is told when its work goes back to it. */
import type { Unsaved } from '../contract/index.ts';
import { OUTPUT_AGAIN } from './step-task.ts';

/** Paths that the prompt names; the others are only counted. */
const MAX_NAMED_UNSAVED = 30;

/** The prompt sent to a subagent that left uncommitted work. */
export function unsavedPrompt(unsaved: readonly Unsaved[]): string {
  const more = unsaved.length - MAX_NAMED_UNSAVED;
  return [
    'Your worktree has work that is in no commit of your branch. A checkout of your branch would not have this work, and it is lost when the worktree is removed:',
    [
      ...unsaved
        .slice(0, MAX_NAMED_UNSAVED)
        .map(({ path, reason }) => `* ${JSON.stringify(path)}: ${reason}`),
      ...(more > 0 ? [`* and ${more} more`] : []),
    ].join('\n'),
    'Commit what belongs to the result: git add --force adds ignored files, and the files of a nested repository can be added once its .git folder is removed. Remove what does not belong to the result, or commit a .gitignore that ignores it. Never commit keys or passwords.',
    'Files that are still uncommitted after this turn are set aside while your work is verified, and the reviewer is told about them.',
  ].join('\n\n');
}

/** Sent where a final message is not the requested data. */
export const unusableOutputPrompt = (problem: string): string =>
  withOutputAgain(`Your final message cannot be used: ${problem}.`);

/** A prompt of a step with `output`: its final message is data again. */
export const withOutputAgain = (prompt: string): string => `${prompt}\n\n${OUTPUT_AGAIN}`;
