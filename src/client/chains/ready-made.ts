/** Ready-made chains, which a caller starts by name and parameters. */
import { randomBytes } from 'node:crypto';
import { researchImplementChain } from '../../chain/research-implement.ts';
import { reviewChain, type ReviewedChange } from '../../chain/review.ts';
import { SubagentsError, type ChainSpec } from '../../contract/index.ts';
import { mergeBase } from '../../git/repository.ts';
import { diffText } from '../../git/contents/diff.ts';
import { resolveBase, resolveRepository } from '../../git/repository.ts';
import { paramsOf } from './chain.ts';
import { Git } from '../../git/git.ts';

/** Maximum size of a reviewed diff, in bytes. Each analyst's task contains the whole diff, and may have 256 KiB. */
const MAX_DIFF_BYTES = 100 * 1024;
/** 64 random bits, so that the author of a reviewed change cannot guess the nonce. */
const NONCE_BYTES = 8;

interface Parameter {
  readonly description: string;
  /** The value when the caller gives none. A parameter without a default is required. */
  readonly default?: string;
}

/** A ready-made chain. */
export interface ReadyMade {
  readonly description: string;
  readonly params: Readonly<Record<string, Parameter>>;
  /** The chain with placeholders for its parameters, to show its steps. */
  readonly outline: ChainSpec;
  /** Makes the chain. @param values the values of all parameters */
  readonly build: (
    values: Values,
    place: { readonly label: string; readonly cwd: string },
  ) => Promise<ChainSpec>;
}
type Values = Readonly<Record<string, string>>;

const NOWHERE = { commit: 'HEAD', name: 'HEAD' };

/** The ready-made chains by name. */
export const READY_MADE = {
  'research-implement': {
    description: 'a read-only subagent researches the task, the next one implements it from the report',
    params: {
      task: { description: 'what to implement' },
      verify: { description: 'a command that must exit 0 before it is done', default: '' },
    },
    outline: researchImplementChain({ label: 'research-implement', task: 'the task' }),
    build: async ({ task = '', verify }, { label }) => {
      if (task.trim() === '')
        throw new SubagentsError('BAD_INPUT', 'the task is empty', {
          remedy: 'say what to implement',
        });
      return researchImplementChain({ label, task, verify: nonEmpty(verify) });
    },
  },
  review: {
    description: 'three subagents review a change for security, performance and style, then a fourth sums up',
    params: {
      base: { description: 'where the change started: a branch, a tag or a commit, for example main' },
      head: { description: 'the branch or commit with the change', default: 'HEAD' },
      post: {
        description:
          'what to do with the summary, for example where to post it; default: it is posted nowhere',
        default: '',
      },
    },
    outline: reviewChain({
      label: 'review',
      change: { base: NOWHERE, head: NOWHERE, diff: '', truncated: false },
      nonce: '',
    }),
    build: async ({ base = '', head = '', post }, { label, cwd }) => {
      const change = await readChange(cwd, base, head);
      let nonce: string;
      do nonce = randomBytes(NONCE_BYTES).toString('hex');
      while (change.diff.includes(nonce));
      return reviewChain({ label, change, post: nonEmpty(post), nonce });
    },
  },
} as const satisfies Readonly<Record<string, ReadyMade>>;
/** The name of a ready-made chain. */
export type ReadyMadeName = keyof typeof READY_MADE;

/** Whether `name` is the name of a ready-made chain. */
export const isReadyMade = (name: string): name is ReadyMadeName => Object.hasOwn(READY_MADE, name);

/** Options of `readyMadeChain`. */
export interface ReadyMadeOptions {
  /** The label of the chain; default: its name. */
  readonly label?: string | undefined;
  /** A folder in the repository that the chain works on; default: the current folder. */
  readonly cwd?: string | undefined;
}

/**
 * Makes a ready-made chain for `session.chain()`. `research-implement` takes `task` and `verify`; `review` takes
 * `base`, `head` and `post`.
 * @throws SubagentsError BAD_INPUT for a missing or unknown parameter, or an empty change; NOT_A_REPOSITORY,
 * UNKNOWN_BASE, GIT
 * @example
 * ```ts
 * const review = await session.chain(await readyMadeChain('review', { base: 'main', head: 'fix-login' }));
 * console.log((await review.result()).report);
 * ```
 */
export async function readyMadeChain(
  name: ReadyMadeName,
  values: Values,
  { label = name, cwd = process.cwd() }: ReadyMadeOptions = {},
): Promise<ChainSpec> {
  const { params, build }: ReadyMade = READY_MADE[name];
  const all = Object.entries(paramsOf({ label: name, params }, values));
  return await build(Object.fromEntries(all.map(([key, { value }]) => [key, value])), { label, cwd });
}

const nonEmpty = (value = ''): string | undefined => (value.trim() === '' ? undefined : value);

/** Reads the changes of `headName` since its common ancestor with `baseName`, as a pull request shows them. */
async function readChange(cwd: string, baseName: string, headName: string): Promise<ReviewedChange> {
  const repo = await resolveRepository('.', cwd);
  const [tip, head] = await Promise.all([
    resolveBase(Git.at(repo), baseName),
    resolveBase(Git.at(repo), headName),
  ]);
  const base = await mergeBase(Git.at(repo), tip, head);
  const { text, truncated } = await diffText(Git.at(repo), {
    from: base,
    to: head,
    stat: false,
    width: 100,
    maxBytes: MAX_DIFF_BYTES,
  });
  if (text.trim() === '') {
    throw new SubagentsError(
      'BAD_INPUT',
      `there is nothing to review: ${headName} has no change since ${baseName}`,
      {
        remedy: 'commit the change, or name the branch that has it: --param head=<branch>',
      },
    );
  }
  return {
    base: { commit: base, name: baseName },
    head: { commit: head, name: headName },
    diff: text,
    truncated,
  };
}
