/** Describes what a clean has removed of a finished run. */
import type { Cleaned } from '../reports/types.ts';
import type { Remains } from '../protocol/messages.ts';

const NAMES: Readonly<Record<Remains, string>> = {
  worktree: 'worktree',
  branch: 'branch',
  kept: 'files kept',
  copilot: 'conversation and transcript',
  outputs: 'outputs of commands',
};

/** For example `worktree, branch removed`. */
export const removedText = ({ removed }: Cleaned): string =>
  `${removed.map((what) => NAMES[what]).join(', ')} removed`;

/** Why the transcript is gone; `undefined` when it was not removed. */
export const transcriptRemoved = (cleaned: Cleaned | undefined): string | undefined =>
  cleaned?.removed.includes('copilot') === true
    ? `its transcript was removed by a clean-up at ${cleaned.at}`
    : undefined;
