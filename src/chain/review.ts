/** The ready-made chain `review`: several analysts review a change side by side, then one step summarizes. */
import { fence, type ChainSpec } from '../contract/index.ts';
import { literal } from './ready-made.ts';

/** A change as read from its repository. */
export interface ReviewedChange {
  /** The commit that it starts from, and how the caller named it. */
  readonly base: { readonly commit: string; readonly name: string };
  /** The commit with the change, and how the caller named it. */
  readonly head: { readonly commit: string; readonly name: string };
  /** Output of `git diff`. */
  readonly diff: string;
  /** Whether the diff is cut off. */
  readonly truncated: boolean;
}

/** The input of the chain. */
export interface Review {
  readonly label: string;
  readonly change: ReviewedChange;
  /** What to do with the summary; without it the summary is only reported. */
  readonly post?: string | undefined;
  /** Random word that is not in the diff, used for the fence around it. */
  readonly nonce: string;
}

const ANALYSTS = [
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

/** Disables set-up and verification, because commands from the repository's settings may come with the change. */
const INERT = { setup: [], verify: [] };

/**
 * Read-only analysts in worktrees with the change, then a summary, which is read-only too unless it is to be posted.
 */
export function reviewChain({ label, change, post, nonce }: Review): ChainSpec {
  const { base, head, diff, truncated } = change;
  const names = `${head.name} (${head.commit.slice(0, 12)}) since ${base.name} (${base.commit.slice(0, 12)})`;
  const source = 'the author of the change';
  const shown = literal(fence(diff, { what: 'diff', source, nonce, max: Math.max(1, diff.length) }));
  const cut = truncated ? '\nThe diff is cut here; see the rest in the files of your worktree.' : '';
  return {
    label,
    description: `a review of ${names}`.slice(0, 1_000),
    steps: [
      ...ANALYSTS.map(([id, about]) => ({
        id,
        needs: [],
        base: head.commit,
        permissions: 'read-only' as const,
        ...INERT,
        task: `Review a change for ${id} alone: ${about}. Other reviewers cover the other aspects. Change nothing, and post nothing.

The change is ${literal(names)}. Your worktree has the repository with it. Read the diff below, and the code around it.
Report each finding with file and line, how serious it is (high, medium or low), why, and what to do; the most serious first. Report only what you have checked in the code. If you find nothing, say so.

${shown}${cut}`,
      })),
      {
        id: 'summary',
        needs: ANALYSTS.map(([id]) => id),
        base: head.commit,
        permissions: post === undefined ? 'read-only' : 'all',
        ...INERT,
        task: `Sum up the review of a change, ${literal(names)}, from the reports of its analysts below.

Begin with a verdict in one sentence. Then list the findings, the most serious first, each once, with file and line, what is wrong and what to do. Leave out findings that the code in your worktree refutes, and say that you left them out. Change nothing in the repository.
${post === undefined ? 'Your report is the summary. Post it nowhere.' : `Your report is the summary. Then do this with it, and nothing else: ${literal(post)}`}

${ANALYSTS.map(([id]) => `The report on ${id}: {{${id}.report}}`).join('\n')}`,
      },
    ],
  };
}
