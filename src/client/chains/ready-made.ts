/** Ready-made chains that are run by their name and parameters. */
import { randomBytes } from 'node:crypto';
import { researchImplementChain } from '../../chain/research-implement.ts';
import { reviewChain, type Change } from '../../chain/review.ts';
import { SubagentsError, type ChainSpec } from '../../contract/index.ts';
import { commonAncestor } from '../../git/common.ts';
import { diffText } from '../../git/contents/diff.ts';
import { resolveBase, resolveRepository } from '../../git/repository.ts';
import { paramsOf } from './chain.ts';
import { gitAt } from '../../git/git.ts';

/** Of a change under review, in bytes: each analyst is given all of it as part of a task, which may be 256 KiB. */
const MAX_DIFF_BYTES = 100 * 1024;
/** 64 random bits: not to be guessed. */
const NONCE_BYTES = 8;

interface Parameter {
  readonly description: string;
  /** Its value where none is given; without one it must be given. */
  readonly default?: string;
}

/** One of them. */
export interface ReadyMade {
  readonly description: string;
  readonly params: Readonly<Record<string, Parameter>>;
  /** What it looks like, whatever its parameters are. */
  readonly outline: ChainSpec;
  /** @param values of all parameters */
  readonly build: (
    values: Values,
    place: { readonly label: string; readonly cwd: string },
  ) => Promise<ChainSpec>;
}
type Values = Readonly<Record<string, string>>;

const NOWHERE = { commit: 'HEAD', name: 'HEAD' };

/** By name. */
export const READY_MADE = {
  'research-implement': {
    description: 'a subagent that may not write finds out, the next one implements from its report',
    params: {
      task: { description: 'what is to be implemented' },
      verify: { description: 'a command that must exit 0 before it is done', default: '' },
    },
    outline: researchImplementChain({ label: 'research-implement', task: 'the task' }),
    build: async ({ task = '', verify }, { label }) => {
      if (task.trim() === '')
        throw new SubagentsError('BAD_INPUT', 'the task is empty', {
          remedy: 'say what is to be implemented',
        });
      return researchImplementChain({ label, task, verify: given(verify) });
    },
  },
  review: {
    description: 'a change, reviewed for security, performance and style side by side, then summed up',
    params: {
      base: { description: 'what the change started from: a branch, a tag or a commit, for example main' },
      head: { description: 'the branch or commit with the change', default: 'HEAD' },
      post: { description: 'what to do with the summary; without it, it is posted nowhere', default: '' },
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
      return reviewChain({ label, change, post: given(post), nonce });
    },
  },
} as const satisfies Readonly<Record<string, ReadyMade>>;
export type ReadyMadeName = keyof typeof READY_MADE;

/** Whether a ready-made chain is called so. */
export const isReadyMade = (name: string): name is ReadyMadeName => Object.hasOwn(READY_MADE, name);

export interface ReadyMadeOptions {
  /** How the chain is called; default: its name. */
  readonly label?: string | undefined;
  /** In the repository that it is about; default: the current folder. */
  readonly cwd?: string | undefined;
}

/**
 * A ready-made chain, for `session.chain()`: `research-implement` takes `task` and `verify`, `review` takes `base`, `head` and `post`.
 * @throws SubagentsError BAD_INPUT for a parameter that is missing or unknown, or a change that is empty; NOT_A_REPOSITORY,
 * UNKNOWN_BASE, GIT
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

const given = (value = ''): string | undefined => (value.trim() === '' ? undefined : value);

/** The change from where `headName` left `baseName`, as a pull request shows it. */
async function readChange(cwd: string, baseName: string, headName: string): Promise<Change> {
  const repo = await resolveRepository('.', cwd);
  const [tip, head] = await Promise.all([
    resolveBase(gitAt(repo), baseName),
    resolveBase(gitAt(repo), headName),
  ]);
  const base = await commonAncestor(gitAt(repo), tip, head);
  const { text, truncated } = await diffText({
    ...{ cwd: repo, from: base, to: head, stat: false, width: 100, maxBytes: MAX_DIFF_BYTES },
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
