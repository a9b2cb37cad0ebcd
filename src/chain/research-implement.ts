/** The ready-made chain `research-implement`: one subagent finds out, the next one builds from what it found. */
import type { ChainSpec } from '../contract/index.ts';
import { literal } from './ready-made.ts';

/** What the chain is made of. */
export interface ResearchImplement {
  readonly label: string;
  readonly task: string;
  /** A command that must exit 0 before the implementation is done; default: what the repository's settings have. */
  readonly verify?: string | undefined;
}

/** Research may write nothing; the implementation starts where the research did, and has its report. */
export function researchImplementChain({ label, task, verify }: ResearchImplement): ChainSpec {
  return {
    label,
    description: 'research, then the implementation from what was found',
    steps: [
      {
        id: 'research',
        permissions: 'read-only',
        task: `Prepare the task below for somebody else, who implements it from your report alone. Change nothing.

Find out which files and functions it concerns, how they work today, what else depends on them, which tests cover them, and how the repository builds and tests. Then decide how it is to be done.
Report: what you found, with files and lines; the change that you propose, step by step; how to see that it is done; what is open or risky.

The task:
${literal(task)}`,
      },
      {
        id: 'implement',
        needs: ['research'],
        ...(verify !== undefined && { verify: [verify] }),
        task: `Do the task below, with its tests, and commit. Somebody has looked into it before you: what they found follows the task. Check it against the code where you rely on it.

The task:
${literal(task)}

What was found: {{research.report}}`,
      },
    ],
  };
}
