/**
 * Accesses repositories on other machines (queries, clones, pushes) with the user's own credentials, never
 * prompting.
 */
import { basename } from 'node:path';
import { SubagentsError, withoutCredentials } from '../contract/index.ts';
import { branchName } from './branches/branch.ts';
import { isAncestor } from './repository.ts';
import { readConfiguration } from './trust/configuration.ts';
import { Git } from './git.ts';
import { firstUsefulLine, type GitAnswer } from './run.ts';

/** Time limits in milliseconds: to list refs, to clone or fetch, and to push. */
const ASK_TIMEOUT_MS = 30_000;
const CLONE_TIMEOUT_MS = 2 * 60 * 60_000;
const PUSH_TIMEOUT_MS = 30 * 60_000;
/** Maximum number of names that are tried when the remote has the branch with other commits. */
const MAX_NAMES = 50;

/** Environment that keeps git and ssh from prompting for a password. */
export const NO_QUESTIONS = { GIT_ASKPASS: 'true', SSH_ASKPASS_REQUIRE: 'never', GCM_INTERACTIVE: 'never' };
/** The prefix under which our clones record the remote's tags: a tag itself does not show where it came from. */
export const REMOTE_TAGS = 'refs/subagents/remote-tags/';
// A stalled connection is given up.
const STALLED = ['-c', 'http.lowSpeedLimit=100', '-c', 'http.lowSpeedTime=60'];

/**
 * Returns the commit that `name` (a branch, a tag, HEAD or a full commit id) denotes in the repository at `url`.
 * @throws SubagentsError NOT_A_REPOSITORY when the repository cannot be read, UNKNOWN_BASE, GIT
 */
export async function remoteCommit(url: string, name = 'HEAD'): Promise<string> {
  const wanted = [name, `refs/heads/${name}`, `refs/tags/${name}`];
  const patterns = name === 'HEAD' ? ['HEAD'] : [...wanted.slice(1), `refs/tags/${name}^{}`];
  const answer = await remoteGit(
    ['ls-remote', '--', url, ...patterns],
    Git.at('/').with({ timeoutMs: ASK_TIMEOUT_MS }),
  );
  if (answer.exitCode !== 0) throw unreadable(url, answer);
  const refs = new Map(
    answer.stdout
      .split('\n')
      .map((line) => line.split('\t'))
      .map(([id = '', ref = '']) => [ref, id]),
  );
  // The order of git itself when a tag and a branch have the same name; ^{} is the commit of an annotated tag.
  const ref = [`refs/tags/${name}^{}`, `refs/tags/${name}`, `refs/heads/${name}`, 'HEAD'].find((each) =>
    refs.get(each),
  );
  if (ref !== undefined) return refs.get(ref) ?? '';
  if (/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(name)) return name;
  if (name === 'HEAD') {
    throw new SubagentsError('UNKNOWN_BASE', `${url} has no commit yet, so there is nothing to start from`, {
      remedy: 'Push a first commit, or name a branch that exists there.',
    });
  }
  throw new SubagentsError('UNKNOWN_BASE', `unknown base "${name}" in ${url}: no such branch or tag`, {
    remedy: 'Name a branch, a tag or a full commit id; default is HEAD.',
  });
}

/**
 * The commits of the branches and tags of the repository at `url` now; undefined where it cannot be read.
 * @throws the reason of the handle's signal
 */
export async function remoteTips(url: string, git: Git): Promise<string[] | undefined> {
  const asked = git.in('/').with({ timeoutMs: ASK_TIMEOUT_MS });
  const answer = await remoteGit(['ls-remote', '--heads', '--tags', '--', url], asked).catch(() => undefined);
  git.signal?.throwIfAborted();
  if (answer === undefined || answer.exitCode !== 0) return undefined;
  return [
    ...new Set(answer.stdout.split('\n').flatMap((line) => /^([0-9a-f]{40,64})\t/.exec(line)?.[1] ?? [])),
  ];
}

/**
 * Clones `url` to `path`, which must not exist, without checking out files.
 * @throws SubagentsError GIT with git's message, DISK_FULL; the reason of `signal`
 */
export async function clone(url: string, path: string, git: Git): Promise<void> {
  const tags = ['-c', `remote.origin.fetch=+refs/tags/*:${REMOTE_TAGS}*`];
  const args = ['clone', '--quiet', '--no-checkout', '--no-recurse-submodules', ...tags, '--', url, path];
  const answer = await remoteGit(args, git.in('/').with({ timeoutMs: CLONE_TIMEOUT_MS }));
  if (answer.exitCode !== 0) throw remoteError(`git clone of ${url} failed`, answer);
}

/**
 * Clones the newest commit of `url` to `path`, which must not exist, as a bare repository: without history, and without
 * contents of files where the server can leave them out.
 * @throws SubagentsError GIT with git's message, DISK_FULL; the reason of `signal`
 */
export async function cloneTip(url: string, path: string, git: Git): Promise<void> {
  const few = ['--depth=1', '--single-branch', '--no-tags', '--filter=blob:none'];
  const args = ['clone', '--quiet', '--bare', '--no-recurse-submodules', ...few, '--', url, path];
  const answer = await remoteGit(args, git.in('/'));
  if (answer.exitCode !== 0) throw remoteError(`git clone of ${url} failed`, answer);
}

/**
 * The content of a file in the commit HEAD of such a clone; undefined if there is none.
 * @throws SubagentsError GIT with git's message
 */
export async function fileOfTip(git: Git, path: string): Promise<string | undefined> {
  if ((await git.run(['ls-tree', '--name-only', 'HEAD', '--', path])) === '') return undefined;
  // Git fetches what was left out.
  const answer = await remoteGit(['cat-file', 'blob', `HEAD:${path}`], git);
  if (answer.exitCode !== 0) throw remoteError(`${path} of ${git.cwd} cannot be read`, answer);
  return answer.stdout;
}

/**
 * Ensures that the clone of `url` has `commit`; fetches when it is missing.
 * @throws SubagentsError GIT with git's message, or when the clone's configuration redirects the URL; UNKNOWN_BASE
 * when the remote does not have the commit
 */
export async function fetchCommit(git: Git, url: string, commit: string): Promise<void> {
  if (await hasCommit(git, commit)) return;
  await requireUnchangedTransport(git.cwd, url);
  const fetch = (what: readonly string[]): Promise<GitAnswer> =>
    remoteGit(
      ['fetch', '--quiet', '--no-tags', '--no-recurse-submodules', '--', url, ...what],
      git.with({ timeoutMs: CLONE_TIMEOUT_MS }),
    );
  await dropAliases(git, 'refs/remotes/origin/');
  const answer = await fetch(['+refs/heads/*:refs/remotes/origin/*']);
  if (answer.exitCode !== 0) throw remoteError(`git fetch from ${url} failed`, answer);
  // A commit on no branch, such as a newer tag's: many servers provide it by id.
  if (!(await hasCommit(git, commit))) await fetch([commit]);
  if (await hasCommit(git, commit)) return;
  throw new SubagentsError('UNKNOWN_BASE', `${url} has no commit ${commit}`, {
    remedy: 'Name a branch, a tag or a full commit id that exists there.',
  });
}

/**
 * Pushes `commit` to a branch at `url`: `subagents/<stem>`, or the next number when the remote has that with other
 * commits. Never forces. Safe to repeat.
 * @returns the branch at the remote, as refs/heads/…
 * @throws SubagentsError GIT with git's message, or when the clone's configuration redirects the URL; the reason of
 * `signal`
 */
export async function pushTo(
  git: Git,
  url: string,
  { commit, stem }: { readonly commit: string; readonly stem: string },
): Promise<string> {
  await requireUnchangedTransport(git.cwd, url);
  const patterns = [`refs/heads/${branchName(stem, 1)}`, `refs/heads/${branchName(stem, 1)}-*`];
  const asked = await remoteGit(
    ['ls-remote', '--', url, ...patterns],
    git.with({ timeoutMs: ASK_TIMEOUT_MS }),
  );
  if (asked.exitCode !== 0) throw remoteError(`${url} cannot be read`, asked);
  const there = new Map(
    asked.stdout.split('\n').map((line) => line.split('\t').reverse() as [string, string]),
  );
  for (let n = 1; n <= MAX_NAMES; n++) {
    const ref = `refs/heads/${branchName(stem, n)}`;
    const tip = there.get(ref);
    if (tip !== undefined && !(await isAncestor(git, tip, commit))) continue;
    const args = ['push', '--quiet', '--no-verify', '--recurse-submodules=no', '--', url, `${commit}:${ref}`];
    const answer = await remoteGit(args, git.with({ timeoutMs: PUSH_TIMEOUT_MS }));
    if (answer.exitCode === 0) {
      // Record the pushed commit as a remote branch, so that the local branch is known to be safe to delete; a push
      // to a URL does not record it.
      await git.run(['update-ref', '--no-deref', ref.replace('refs/heads/', 'refs/remotes/origin/'), commit]);
      return ref;
    }
    // The branch was created there in the meantime.
    if (!/\(fetch first\)|\(non-fast-forward\)/.test(answer.stderr))
      throw remoteError(`git push to ${url} failed`, answer);
  }
  throw new SubagentsError('GIT', `${url} has ${MAX_NAMES} branches called ${branchName(stem, 1)}`);
}

/**
 * Refuses a clone whose own configuration changes how a remote is reached. Only the user may configure that, and
 * our clones have no such settings when they are made: with them, reads or pushes could go to another place than
 * the outcome says, with the user's credentials.
 */
async function requireUnchangedTransport(repo: string, url: string): Promise<void> {
  const keys = [...(await readConfiguration(repo)).local.keys()].filter(
    (key) => /^(url|http|ssh|protocol)\./.test(key) || key.startsWith(`remote.${url}.`),
  );
  if (keys.length === 0) return;
  throw new SubagentsError(
    'GIT',
    `the git configuration of ${repo} redirects ${url} or its connection, so nothing is fetched or pushed: ${keys.join(', ')}`,
    {
      remedy: `Remove these settings (git -C ${repo} config --unset-all KEY), and put those that you need into git config --global. Then spawn or continue again.`,
    },
  );
}

/** Removes symbolic refs below `prefix`, except HEAD: a fetch would move the refs that they point to. */
async function dropAliases(git: Git, prefix: string): Promise<void> {
  const list = await git.run(['for-each-ref', '--format=%(symref) %(refname)', prefix]);
  for (const line of list.split('\n')) {
    const [alias = '', name = ''] = line.split(' ');
    if (alias !== '' && name !== `${prefix}HEAD`) await git.run(['update-ref', '--no-deref', '-d', name]);
  }
}

/** Whether the repository has the commit. Our clones have no promisor remote, so this fetches nothing. */
export async function hasCommit(git: Git, commit: string): Promise<boolean> {
  return (await git.try(['cat-file', '-e', `${commit}^{commit}`])).exitCode === 0;
}

async function remoteGit(args: readonly string[], git: Git): Promise<GitAnswer> {
  const env = {
    ...NO_QUESTIONS,
    ...(await sshEnvironment()),
    GIT_ALLOW_PROTOCOL: 'file:http:https:ssh',
  };
  return git.try([...STALLED, ...args], { env, secrets: true });
}

/**
 * Uses the user's own ssh command, never the one of a repository's configuration, and makes OpenSSH
 * non-interactive.
 */
async function sshEnvironment(): Promise<Record<string, string>> {
  const own =
    process.env['GIT_SSH_COMMAND'] ??
    (await Git.at('/').try(['config', '--global', '--includes', 'core.sshCommand'])).stdout;
  const command = own === '' ? 'ssh' : own;
  const isOpenSsh = basename(command.split(' ')[0] ?? '') === 'ssh';
  return { GIT_SSH_COMMAND: isOpenSsh ? `${command} -o BatchMode=yes -o ConnectTimeout=30` : command };
}

function unreadable(url: string, answer: GitAnswer): SubagentsError {
  return new SubagentsError('NOT_A_REPOSITORY', `${url} cannot be read: ${reasonOf(answer)}`, {
    remedy: 'Check the URL, and that git can read it without a prompt: git ls-remote URL',
  });
}

function remoteError(what: string, answer: GitAnswer): SubagentsError {
  const full = answer.stderr.includes('No space left on device');
  return new SubagentsError(full ? 'DISK_FULL' : 'GIT', `${what}: ${reasonOf(answer)}`, {
    remedy: full
      ? 'Free some space on the disk of the worker’s home.'
      : 'Fix the cause, then spawn or continue again.',
  });
}

/** Returns git's message, without secrets that a server or a URL may have added. */
function reasonOf({ stderr, exitCode }: GitAnswer): string {
  const rejected = /^ ! \[(?:remote )?rejected\].*\((.*)\)$/m.exec(stderr)?.[1];
  const said = stderr
    .split('\n')
    .filter((line) => !/^(Cloning into|To |From )/.test(line))
    .map((line) => line.replace(/^remote: /, ''))
    .join('\n');
  return withoutCredentials(rejected ?? firstUsefulLine(said) ?? `exit code ${exitCode}`);
}
