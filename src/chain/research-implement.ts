/** The ready-made chain `research-implement`: one subagent researches, the next implements what was found. */
import type { ChainSpec } from '../contract/index.ts';
import { implementTask, researchTask } from '../prompts/ready-made.ts';
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
        task: researchTask(literal(task)),
      },
      {
        id: 'implement',
        needs: ['research'],
        ...(verify !== undefined && { verify: [verify] }),
        task: implementTask(literal(task)),
      },
    ],
  };
}
