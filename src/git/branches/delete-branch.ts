/**
 * Deletes branches, but never the last ref that contains a commit, even when another process deletes a branch at
 * the same time.
 */
import { branchTip } from './branch.ts';
import type { Git } from '../git.ts';
import { gitError } from '../run.ts';
import { branchWithContent, countOnlyOnBranch, type BranchAt, type Ref } from './unmerged.ts';

/** Maximum number of attempts, since the ref that contains the branch's commits may move meanwhile. */
const TRIES = 5;

/**
 * `deleted`: the branch is gone, or was already; `moved`: it is at another commit; `alone`: no other ref contains
 * its commits.
 */
export type Deletion = 'deleted' | 'moved' | 'alone';

/**
 * Deletes a branch if it is still at its tip. Does not write the shared configuration.
 * @param force deletes the branch even when no other ref contains its commits.
 * @throws SubagentsError GIT
 */
export async function deleteBranch(git: Git, at: BranchAt, force = false): Promise<Deletion> {
  for (let tries = 1; ; tries++) {
    const holder = force ? undefined : await holderOf(git, at);
    if (!force && holder === undefined) return 'alone';
    const args = ['update-ref', '--no-deref', '--stdin', '-z'];
    const answer = await git.try(args, { input: transaction(at, holder) });
    if (answer.exitCode === 0) return 'deleted';
    const tip = await branchTip(git, at.branch);
    if (tip !== at.tip) return tip === undefined ? 'deleted' : 'moved';
    if (tries === TRIES) throw gitError(args, git.cwd, answer);
  }
}

/**
 * Builds a ref transaction that deletes the branch only while `holder` is unchanged. Git locks both refs, so of two
 * deletions that rely on each other's branch, one fails.
 */
function transaction({ branch, tip }: BranchAt, holder: Ref | undefined): string {
  const verify = holder === undefined ? [] : [`verify ${holder.name}`, holder.oid];
  return [...verify, `delete refs/heads/${branch}`, tip, ''].join('\0');
}

/** Returns a branch, tag or remote branch that contains all commits of the branch, or its content. */
async function holderOf(git: Git, at: BranchAt): Promise<Ref | undefined> {
  if ((await countOnlyOnBranch(git, at)) > 0) return branchWithContent(git, at.base, at.tip);
  let refs = await otherRefs(git, at.branch);
  const has = async (some: readonly Ref[]): Promise<boolean> => {
    const input = [at.tip, ...some.map(({ oid }) => `^${oid}`), ''].join('\n');
    return (await git.run(['rev-list', '--count', '--stdin'], { input })) === '0';
  };
  // Binary search: a separate query for each ref would walk the history as often.
  while (refs.length > 1) {
    const half = refs.slice(0, Math.ceil(refs.length / 2));
    refs = (await has(half)) ? half : refs.slice(half.length);
  }
  return (await has(refs)) ? refs[0] : undefined;
}

async function otherRefs(git: Git, branch: string): Promise<Ref[]> {
  const format = '--format=%(objectname) %(symref) %(refname)';
  const list = await git.run(['for-each-ref', format, 'refs/heads', 'refs/remotes', 'refs/tags']);
  const refs = list
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, symref, name]) => symref === '' && name !== undefined && name !== `refs/heads/${branch}`)
    .map(([oid = '', , name = '']) => ({ name, oid }));
  // Branches of subagents last, since they are short-lived.
  const own = ({ name }: Ref): number => (name.startsWith('refs/heads/subagents/') ? 1 : 0);
  return refs.sort((a, b) => own(a) - own(b));
}
