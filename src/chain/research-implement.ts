/** The ready-made chain `research-implement`: one subagent researches, the next implements what was found. */
import type { ChainSpec } from '../contract/index.ts';
import { literal } from './ready-made.ts';

/** The input of the chain. */
export interface ResearchImplement {
  readonly label: string;
  readonly task: string;
  /** A command that must exit 0 before the implementation is done; default: the repository's settings. */
  readonly verify?: string | undefined;
}

/** The research step is read-only; the implementation gets its report. */
export function researchImplementChain({ label, task, verify }: ResearchImplement): ChainSpec {
  return {
    label,
    description: 'researches the task, then implements it from the findings',
    steps: [
      {
        id: 'research',
        permissions: 'read-only',
        task: `Prepare the task below for another subagent, which implements it from your report alone. Change nothing.

Find out which files and functions it concerns, how they work today, what else depends on them, which tests cover them, and how the repository is built and tested. Then decide how to do it.
Report: what you found, with files and lines; the change that you propose, step by step; how to verify it; what is open or risky.

The task:
${literal(task)}`,
      },
      {
        id: 'implement',
        needs: ['research'],
        ...(verify !== undefined && { verify: [verify] }),
        task: `Do the task below, with its tests, and commit. Another subagent has researched it: its findings follow the task. Check them against the code where you rely on them.

The task:
${literal(task)}

Findings: {{research.report}}`,
      },
    ],
  };
}
