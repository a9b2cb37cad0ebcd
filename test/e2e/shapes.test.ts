/** Work in every shape that a subagent may leave it in: what a merge refuses without force, and what it takes. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureJson } from '../../src/cli/json.ts';
import type { Subagents } from '../../src/client/index.ts';
import type { CaveatKind, Outcome } from '../../src/contract/index.ts';
import { run, type Ran } from '../cli/command.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { temporaryRepository, type Repository } from '../support/repository.ts';
import { bash } from '../support/turns.ts';

interface Shape {
  /** What the subagent does, on a branch with two commits of `a.txt`. */
  readonly does: string;
  readonly caveats?: readonly CaveatKind[];
  /** What happens to it after its end. */
  readonly then?: (at: { repo: Repository; branch: string; outcome: Outcome }) => Promise<unknown>;
  /** Why a merge is refused without force; absent: it is not. */
  readonly refused?: RegExp;
  /** What a merge gives, with force where one without is refused; default: a fast-forward. */
  readonly how?: 'merge' | 'already-merged';
  /** A file that is merged; default: work.txt. */
  readonly file?: string;
}

const WORK = 'echo work > work.txt && git add work.txt && git commit -qm Work';
/** A branch `theirs` that conflicts with what is checked out. */
const CLASH = `${WORK} && git switch -qc theirs-$$ HEAD~1 && echo theirs > a.txt && git commit -qam Theirs && git switch -q - && echo ours > a.txt && git commit -qam Ours`;

const SHAPES: Readonly<Record<string, Shape>> = {
  whole: { does: WORK },
  repository: {
    does: `${WORK} && git init -q app && echo x > app/src.js`,
    caveats: ['unsaved-work'],
    refused: /is done, but: in its worktree, and in no commit: app\//,
  },
  merging: {
    does: `${CLASH}; git merge -q theirs-$$ || true`,
    caveats: ['unfinished'],
    refused: /a merge was left in the middle, with conflicts in a\.txt/,
  },
  rebasing: {
    does: `${CLASH}; git rebase -q theirs-$$ || true`,
    // The commit that was in conflict is kept on a branch beside its own.
    caveats: ['unfinished', 'lost-commits'],
    refused: /a rebase was left in the middle, with conflicts in a\.txt/,
  },
  applying: {
    does: `${CLASH}; git format-patch -1 --stdout theirs-$$ > "$(git rev-parse --git-dir)/patch"; git am -q -3 "$(git rev-parse --git-dir)/patch" || true`,
    caveats: ['unfinished'],
    refused: /an am was left in the middle, with conflicts in a\.txt/,
  },
  picking: {
    does: `${CLASH}; git cherry-pick theirs-$$ || true`,
    caveats: ['unfinished'],
    refused: /a cherry-pick was left in the middle, with conflicts in a\.txt/,
  },
  reverting: {
    does: `${WORK} && echo once > a.txt && git commit -qam Once && echo twice > a.txt && git commit -qam Twice && git revert --no-edit HEAD~1 || true`,
    caveats: ['unfinished'],
    refused: /a revert was left in the middle, with conflicts in a\.txt/,
  },
  bisecting: { does: `${WORK} && git bisect start HEAD HEAD~2` },
  baseless: {
    does: `git reset -q --hard HEAD~1 && ${WORK}`,
    caveats: ['base-missing'],
    refused: /no longer contains \w{10}, which it began from: it lacks a commit of that history/,
    how: 'merge',
  },
  unfetchable: {
    does: `${WORK} && git init -q sub && git -C sub commit -q --allow-empty -m Sub && git config -f .gitmodules submodule.sub.path sub && git config -f .gitmodules submodule.sub.url ./sub && git add .gitmodules sub && git commit -qm "A submodule"`,
    caveats: ['unfetchable-commits'],
    refused: /is done, but: .*sub/,
  },
  moved: {
    does: WORK,
    then: ({ repo, outcome }) => repo.commit('Later', { 'later.txt': 'x' }, outcome.evidence?.cwd),
    refused: /subagents\/moved has moved since its outcome \(from \w{10} to \w{10}\)/,
    file: 'later.txt',
  },
  replaced: {
    does: WORK,
    then: ({ repo, branch }) => repo.git('symbolic-ref', `refs/heads/${branch}`, 'refs/heads/main'),
    refused: /subagents\/replaced has moved since its outcome/,
    how: 'already-merged',
    file: 'a.txt',
  },
  lost: {
    does: `${WORK} && echo try > try.txt && git add . && git commit -qm Try && git reset -q --hard HEAD~1`,
    caveats: ['lost-commits'],
  },
  symbolic: {
    does: `${WORK} && git branch -q -m subagents/symbolic real-$$ && git symbolic-ref refs/heads/subagents/symbolic refs/heads/main && git switch -q -c beside-$$`,
  },
  detached: { does: `git checkout -q --detach && ${WORK}` },
  folderless: { does: WORK, then: ({ outcome }) => rm(outcome.evidence?.cwd ?? '', { recursive: true }) },
  branchless: {
    does: WORK,
    then: async ({ repo, branch, outcome }) => {
      await repo.in(outcome.evidence?.cwd ?? '')('checkout', '--quiet', '--detach');
      await repo.git('branch', '--quiet', '-D', branch);
    },
  },
  sparse: {
    does: `git sparse-checkout set in && mkdir -p new && ${WORK.replaceAll('work.txt', 'new/work.txt').replace('git add', 'git add --sparse')}`,
    file: 'new/work.txt',
  },
  hidden: {
    does: `git update-index --assume-unchanged a.txt && echo work > work.txt && echo hidden > a.txt`,
  },
};

let fleet: Fleet;
let subagents: Subagents;
const repositories = new Map<string, Repository>();
const outcomes = new Map<string, Outcome>();

beforeAll(async () => {
  fleet = await startFleet(
    [
      {
        when: () => true,
        steps: ({ userMessages, answers }) => {
          const does = SHAPES[/^SHAPE (\w+)/m.exec(userMessages[0] ?? '')?.[1] ?? '']?.does;
          return does !== undefined && answers === 0 ? bash(does) : { text: 'Done.' };
        },
      },
    ],
    { env: { SUBAGENTS_SLOTS: '8' } },
  );
  subagents = await fleet.connect();
  await Promise.all(
    Object.keys(SHAPES).map(async (name) => {
      const repo = await temporaryRepository({ 'a.txt': 'a\n', 'in/i': 'i\n' });
      repositories.set(name, repo);
      await repo.commit('Second', { 'b.txt': 'b\n' });
      const spawned = await session().spawn({ label: name, task: `SHAPE ${name}` }, { cwd: repo.path });
      outcomes.set(name, await spawned.result());
    }),
  );
}, 480_000);
afterAll(async () => {
  await subagents?.close();
  for (const repo of repositories.values()) await repo[Symbol.asyncDispose]();
  await fleet?.[Symbol.asyncDispose]();
});

const session = () => subagents.session('shapes');
const command = (repo: Repository, ...args: string[]): Promise<Ran> =>
  run(['--address', fleet.server.address, '--session', 'shapes', ...args], {
    home: fleet.home,
    cwd: repo.path,
  });

/** Everything of a checkout that a merge might change. */
async function stateOf(repo: Repository): Promise<object> {
  const hash = (path: string) =>
    createHash('sha256')
      .update(readFileSync(join(repo.path, path)))
      .digest('hex');
  const files = (await repo.git('ls-files', '--cached', '--others')).split('\n');
  return {
    head: readFileSync(join(repo.path, '.git/HEAD'), 'utf8'),
    refs: await repo.git('for-each-ref', '--format=%(refname) %(objectname) %(symref)'),
    index: hash('.git/index'),
    files: Object.fromEntries(files.map((path) => [path, hash(path)])),
    git: ['MERGE_HEAD', 'MERGE_MSG', 'SQUASH_MSG', 'ORIG_HEAD'].filter((name) => {
      try {
        return hash(`.git/${name}`);
      } catch {
        return false;
      }
    }),
  };
}

describe.each(Object.entries(SHAPES))('%s', (name, shape) => {
  const { caveats = [], refused, how = 'fast-forward', file = 'work.txt' } = shape;

  it('is done, with its caveats, and merged where nothing is against it, or by force', async () => {
    const repo = repositories.get(name);
    const outcome = outcomes.get(name);
    if (repo === undefined || outcome === undefined) throw new Error('it was not spawned');
    expect([...new Set(outcome.caveats.map(({ kind }) => kind))], outcome.summary).toEqual(caveats);
    expect(outcome.status).toBe('done');
    await shape.then?.({ repo, branch: `subagents/${name}`, outcome });

    if (refused !== undefined) {
      const before = await stateOf(repo);
      const { exitCode, stdout, stderr } = await command(repo, 'merge', name, '--json');
      const { error } = failureJson.parse(JSON.parse(stderr));
      expect(error.message).toMatch(refused);
      expect(error.remedy).toContain('--force');
      expect({ exitCode, stdout }).toEqual({ exitCode: error.code === 'CAVEATS' ? 9 : 2, stdout: '' });
      expect(await stateOf(repo)).toEqual(before);
    }
    const merged = await session()
      .subagent(name)
      .merge({ cwd: repo.path, force: refused !== undefined });
    expect(merged).toMatchObject({ how, into: 'main' });
    expect(await repo.git('ls-tree', '-r', '--name-only', 'main')).toContain(file);
  });
});
