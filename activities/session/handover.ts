/** The summary of earlier work for a subagent whose conversation was lost. */
import { oneLine } from '../../src/contract/index.ts';
import { commitsBetween } from '../../src/git/contents/changes.ts';
import { checkoutStatus } from '../../src/git/contents/status.ts';
import { workSoFarText } from '../../src/prompts/index.ts';
import { Git } from '../../src/git/git.ts';

/**
 * Lists the commits, the uncommitted files and the end of the transcript. Never rejects: unreadable parts are left
 * out.
 */
export async function describeWorkSoFar(
  { cwd, base }: { readonly cwd: string; readonly base: string | undefined },
  transcript: string,
): Promise<string> {
  const [commits, files] = await Promise.all([commitsIn(Git.at(cwd), base), filesIn(Git.at(cwd))]);
  return workSoFarText({ commits, files, transcript });
}

async function commitsIn(git: Git, base: string | undefined): Promise<string[]> {
  if (base === undefined) return [];
  try {
    const commits = await commitsBetween(git, base, 'HEAD');
    return commits.map(({ sha, subject }) => `${sha.slice(0, 12)} ${oneLine(subject, 200)}`);
  } catch {
    return [];
  }
}

async function filesIn(git: Git): Promise<string[]> {
  try {
    const { changed, untracked } = await checkoutStatus(git);
    return [...changed.map(({ path }) => path), ...untracked].map((path) => oneLine(path, 200));
  } catch {
    return [];
  }
}
