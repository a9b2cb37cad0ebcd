/** Work in every shape that a subagent may leave it in, and what is to become of it. */
import { rm } from 'node:fs/promises';
import type { CaveatKind, ErrorCode, Outcome } from '../../src/contract/index.ts';
import type { Scenario } from './model.ts';
import { temporaryRepository, type Repository } from './repository.ts';
import { bash } from './turns.ts';

export interface Shape {
  /** What the subagent does, on a branch with two commits of `a.txt`. */
  readonly does: string;
  readonly caveats?: readonly CaveatKind[];
  /** What happens to it after its end. */
  readonly then?: (at: { repo: Repository; branch: string; outcome: Outcome }) => Promise<unknown>;
  /** Why a merge is refused without force, and a push where it is a caveat; absent: it is not. */
  readonly refused?: RegExp | undefined;
  /** What a merge gives, with force where one without is refused; default: a fast-forward. */
  readonly how?: 'fast-forward' | 'merge' | 'already-merged';
  /** A file that is merged; default: work.txt. */
  readonly file?: string;
  /** What is else after a continuation that changes nothing. */
  readonly continued?: {
    readonly refused?: undefined;
    readonly how?: 'fast-forward';
    readonly file?: string;
    /** It cannot be continued: the code of the error. */
    readonly impossible?: ErrorCode;
  };
}

const WORK = 'echo work > work.txt && git add work.txt && git commit -qm Work';
/** A branch `theirs` that conflicts with what is checked out. */
const CLASH = `${WORK} && git switch -qc theirs-$$ HEAD~1 && echo theirs > a.txt && git commit -qam Theirs && git switch -q - && echo ours > a.txt && git commit -qam Ours`;

/** By name. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  whole: { does: WORK },
  repository: {
    does: `${WORK} && git init -q app && echo x > app/src.js`,
    caveats: ['unsaved-work'],
    refused: /its worktree has work that is in no commit: app\//,
  },
  merging: {
    does: `${CLASH}; git merge -q theirs-$$ || true`,
    caveats: ['unfinished'],
    refused: /a merge was left unfinished, with conflicts in a\.txt/,
  },
  rebasing: {
    does: `${CLASH}; git rebase -q theirs-$$ || true`,
    // The commit that was in conflict is kept on a branch beside its own.
    caveats: ['unfinished', 'lost-commits'],
    refused: /a rebase was left unfinished, with conflicts in a\.txt/,
  },
  applying: {
    does: `${CLASH}; git format-patch -1 --stdout theirs-$$ > "$(git rev-parse --git-dir)/patch"; git am -q -3 "$(git rev-parse --git-dir)/patch" || true`,
    caveats: ['unfinished'],
    refused: /an am was left unfinished, with conflicts in a\.txt/,
  },
  picking: {
    does: `${CLASH}; git cherry-pick theirs-$$ || true`,
    caveats: ['unfinished'],
    refused: /a cherry-pick was left unfinished, with conflicts in a\.txt/,
  },
  reverting: {
    does: `${WORK} && echo once > a.txt && git commit -qam Once && echo twice > a.txt && git commit -qam Twice && git revert --no-edit HEAD~1 || true`,
    caveats: ['unfinished'],
    refused: /a revert was left unfinished, with conflicts in a\.txt/,
  },
  bisecting: { does: `${WORK} && git bisect start HEAD HEAD~2` },
  baseless: {
    does: `git reset -q --hard HEAD~1 && ${WORK}`,
    caveats: ['base-missing'],
    refused: /no longer contains \w{10}, the commit it started from: it lacks a commit of that history/,
    how: 'merge',
  },
  unfetchable: {
    does: `${WORK} && git init -q sub && git -C sub commit -q --allow-empty -m Sub && git config -f .gitmodules submodule.sub.path sub && git config -f .gitmodules submodule.sub.url ./sub && git add .gitmodules sub && git commit -qm "A submodule"`,
    caveats: ['unfetchable-commits'],
    refused: /sub/,
  },
  moved: {
    does: WORK,
    then: ({ repo, outcome }) => repo.commit('Later', { 'later.txt': 'x' }, outcome.evidence?.cwd),
    refused: /subagents\/moved has moved since its outcome \(from \w{10} to \w{10}\)/,
    file: 'later.txt',
    continued: { refused: undefined },
  },
  replaced: {
    does: WORK,
    then: ({ repo, branch }) => repo.git('symbolic-ref', `refs/heads/${branch}`, 'refs/heads/main'),
    refused: /subagents\/replaced has moved since its outcome/,
    how: 'already-merged',
    file: 'a.txt',
    continued: { refused: undefined, how: 'fast-forward', file: 'work.txt' },
  },
  lost: {
    does: `${WORK} && echo try > try.txt && git add . && git commit -qm Try && git reset -q --hard HEAD~1`,
    caveats: ['lost-commits'],
  },
  symbolic: {
    does: `${WORK} && own=$(git branch --show-current) && git branch -q -m real-$$ && git symbolic-ref refs/heads/$own refs/heads/main && git switch -q -c beside-$$`,
  },
  detached: { does: `git checkout -q --detach && ${WORK}` },
  folderless: { does: WORK, then: ({ outcome }) => rm(outcome.evidence?.cwd ?? '', { recursive: true }) },
  branchless: {
    does: WORK,
    then: async ({ repo, branch, outcome }) => {
      await repo.in(outcome.evidence?.cwd ?? '')('checkout', '--quiet', '--detach');
      await repo.git('branch', '--quiet', '-D', branch);
    },
    continued: { impossible: 'BRANCH_GONE' },
  },
  sparse: {
    does: `git sparse-checkout set in && mkdir -p new && ${WORK.replaceAll('work.txt', 'new/work.txt').replace('git add', 'git add --sparse')}`,
    file: 'new/work.txt',
  },
  hidden: {
    does: `git update-index --assume-unchanged a.txt && echo work > work.txt && echo hidden > a.txt`,
  },
};

/** The model of subagents whose task says `SHAPE` and a name on a line. */
export const SHAPING: Scenario = {
  when: () => true,
  steps: ({ userMessages, answers }) => {
    const does = SHAPES[/^SHAPE (\w+)/m.exec(userMessages[0] ?? '')?.[1] ?? '']?.does;
    return does !== undefined && answers === 0 ? bash(does) : { text: 'Done.' };
  },
};

/** A repository that they begin from. */
export async function shapeRepository(): Promise<Repository> {
  const repo = await temporaryRepository({ 'a.txt': 'a\n', 'in/i': 'i\n' });
  await repo.commit('Second', { 'b.txt': 'b\n' });
  return repo;
}
