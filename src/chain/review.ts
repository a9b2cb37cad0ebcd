/** The ready-made chain `review`: several analysts review a change side by side, then one step summarizes. */
import type { ChainSpec } from '../contract/index.ts';
import { fence } from '../prompts/fence.ts';
import { ANALYSTS, analysisTask, summaryTask } from '../prompts/ready-made.ts';
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
        task: analysisTask({ id, about, names: literal(names), diff: shown, truncated }),
      })),
      {
        id: 'summary',
        needs: ANALYSTS.map(([id]) => id),
        base: head.commit,
        permissions: post === undefined ? 'read-only' : 'all',
        ...INERT,
        task: summaryTask({ names: literal(names), post: post && literal(post) }),
      },
    ],
  };
}
