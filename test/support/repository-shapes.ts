/** The shapes that a repository may have: the table of docs/repositories.md is made of them. */
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import type { Outcome, SessionHandle, SpawnSpec, SubagentsError } from '../../src/client/index.ts';
import { temporaryRepository, type Repository } from './repository.ts';
import { bash, on } from './turns.ts';

/** What each subagent of these repositories does. */
export const ADD_A_FILE = on('add a file', [
  bash('echo made > made.txt && git add made.txt && git commit -qm "Add a file"'),
  { text: 'Added.' },
]);

/** A repository of one shape: where a caller would stand, and what must be so when the subagent is done. */
interface Place {
  readonly repo: string;
  readonly check?: (outcome: Outcome) => Promise<void>;
}
type Make = (repo: Repository, beside: (name: string) => string, shape: RepositoryShape) => Promise<Place>;
export interface RepositoryShape {
  readonly name: string;
  readonly make: Make;
  /** What is worth knowing where it works. */
  readonly seen?: string;
  /** What a refusal says; absent where it works. */
  readonly refused?: RegExp;
  readonly failed?: RegExp;
  /** Spawned with --trust-repo. */
  readonly trusted?: boolean;
  readonly options?: Parameters<typeof temporaryRepository>[1];
  /** Which hooks of the repository run; default: those of the subagent's own commits. */
  readonly hooks?: 'none';
}

/** Has a subagent work in a repository of that shape, and expects what the shape says. */
export async function tryShape(
  session: SessionHandle,
  shape: RepositoryShape,
  more: Pick<SpawnSpec, 'sandbox'> = {},
): Promise<void> {
  await using base = await temporaryRepository(undefined, shape.options);
  const { repo, check } = await shape.make(base, (name) => join(dirname(base.path), name), shape);
  const label = `shape-${REPOSITORY_SHAPES.findIndex(({ name }) => name === shape.name)}`;
  const spec = { label, task: 'add a file', repo, verify: ['test -s made.txt'], trustRepo: shape.trusted };
  if (shape.refused) {
    const error = (await session
      .spawn({ ...spec, ...more })
      .catch((thrown: unknown) => thrown)) as SubagentsError;
    expect(error.message).toMatch(shape.refused);
    expect(error.remedy).toBeDefined();
    return;
  }
  const outcome = await (await session.spawn({ ...spec, ...more })).result();
  if (shape.failed) {
    expect(outcome).toMatchObject({ status: 'failed', turns: 0, failure: { class: 'workspace' } });
    expect(outcome.failure?.message).toMatch(shape.failed);
    return;
  }
  expect(outcome, outcome.summary).toMatchObject({ status: 'done', evidence: { commitCount: 1 } });
  await check?.(outcome);
  // The work is in the repository that the caller named.
  expect(await base.in(repo)('show', `subagents/${label}:made.txt`)).toBe('made');
}

const LOCAL = ['-c', 'protocol.file.allow=always'];

export const REPOSITORY_SHAPES: readonly RepositoryShape[] = [
  { name: 'an ordinary clone', make: async (repo) => ({ repo: repo.path }) },
  {
    name: 'a folder below the root',
    make: async (repo) => {
      await repo.commit('Below', { 'packages/one/a.txt': 'a' });
      return { repo: join(repo.path, 'packages/one') };
    },
  },
  {
    name: 'a detached HEAD',
    seen: 'the branch starts at the commit that is checked out',
    make: async (repo) => {
      await repo.git('checkout', '--quiet', '--detach');
      return { repo: repo.path };
    },
  },
  {
    name: 'a linked worktree as the repository',
    seen: 'the branch is in the repository that the worktrees share',
    make: async (repo, beside) => {
      await repo.git('worktree', 'add', '--quiet', beside('linked'), '-b', 'other');
      return { repo: beside('linked') };
    },
  },
  {
    name: 'a linked worktree of a bare repository',
    make: async (repo, beside) => {
      await repo.git('clone', '--quiet', '--bare', repo.path, beside('bare.git'));
      await repo.in(beside('bare.git'))('worktree', 'add', '--quiet', beside('linked'), 'main');
      return { repo: beside('linked') };
    },
  },
  {
    name: 'a bare clone',
    make: async (repo, beside) => {
      await repo.git('clone', '--quiet', '--bare', repo.path, beside('bare.git'));
      return { repo: beside('bare.git') };
    },
    refused: /bare\.git is a bare repository, which has no checkout$/,
  },
  {
    name: 'a repository without a commit',
    make: async (repo, beside) => {
      await repo.git('init', '--quiet', beside('empty'));
      return { repo: beside('empty') };
    },
    refused: /empty has no commit yet, so there is nothing to start from$/,
  },
  {
    name: 'a folder in no repository',
    make: async (_, beside) => {
      await mkdir(beside('plain'));
      return { repo: beside('plain') };
    },
    refused: /plain is in no git repository$/,
  },
  {
    name: 'a shallow clone',
    seen: 'the branch starts at its newest commit, and nothing is fetched',
    make: async (repo, beside) => {
      await repo.commit('Second', { 'b.txt': 'b' });
      await repo.git('clone', '--quiet', '--depth=1', `file://${repo.path}`, beside('shallow'));
      expect(existsSync(beside('shallow/.git/shallow'))).toBe(true);
      return { repo: beside('shallow') };
    },
  },
  {
    name: 'a path with spaces, quotes and other than ASCII letters',
    options: { name: `it's a "größe" 项目` },
    make: async (repo) => {
      await repo.commit('Names', { 'dir ä/file ö.txt': 'x' });
      return { repo: repo.path };
    },
  },
  {
    name: 'names that differ only in case',
    make: async (repo) => {
      await repo.commit('Case', { 'Read.txt': 'upper', 'read.txt': 'lower' });
      return {
        repo: repo.path,
        check: async ({ evidence }) => {
          expect(await readFile(join(evidence?.cwd ?? '', 'Read.txt'), 'utf8')).toBe('upper');
          expect(await readFile(join(evidence?.cwd ?? '', 'read.txt'), 'utf8')).toBe('lower');
        },
      };
    },
  },
  {
    name: 'a git folder apart from the checkout (--separate-git-dir)',
    make: async (repo, beside) => {
      await repo.git(
        'clone',
        '--quiet',
        '--separate-git-dir',
        beside('apart.git'),
        repo.path,
        beside('checkout'),
      );
      return { repo: beside('checkout') };
    },
  },
  {
    name: 'core.worktree that leads to another folder',
    make: async (repo, beside) => {
      await mkdir(beside('elsewhere'));
      await repo.git('config', 'core.worktree', beside('elsewhere'));
      return { repo: repo.path };
    },
    refused: /elsewhere is not the root of a git checkout$/,
  },
  {
    name: 'a sparse checkout',
    seen: 'the worktree is sparse in the same way, and what is left out is not taken for deleted',
    make: async (repo) => {
      await repo.commit('Much', { 'kept/a.txt': 'a', 'left/b.txt': 'b' });
      await repo.git('sparse-checkout', 'set', 'kept');
      return {
        repo: repo.path,
        check: async ({ evidence }) => {
          expect(existsSync(join(evidence?.cwd ?? '', 'kept/a.txt'))).toBe(true);
          expect(existsSync(join(evidence?.cwd ?? '', 'left/b.txt'))).toBe(false);
          expect(evidence?.filesChanged).toEqual(['made.txt']);
        },
      };
    },
  },
  {
    name: 'submodules',
    seen: 'they are filled in the worktree, from the copy in the checkout where there is one',
    make: async (repo, beside) => {
      await repo.git('clone', '--quiet', repo.path, beside('library'));
      await repo.git(...LOCAL, 'submodule', '--quiet', 'add', beside('library'), 'library');
      await repo.commit('A submodule');
      return {
        repo: repo.path,
        check: async ({ evidence }) =>
          expect(existsSync(join(evidence?.cwd ?? '', 'library/README.md'))).toBe(true),
      };
    },
  },
  {
    name: 'files that go through a filter, as with Git LFS',
    trusted: true,
    seen: 'with `--trust-repo`, or configured for all repositories, the filter runs in the worktree, as it does for you',
    make: async (repo) => {
      await repo.git('config', 'filter.upper.smudge', 'tr a-z A-Z');
      await repo.git('config', 'filter.upper.clean', 'tr A-Z a-z');
      await repo.git('config', 'filter.upper.required', 'true');
      await repo.commit('Filtered', { '.gitattributes': '*.big filter=upper\n', 'x.big': 'ABC\n' });
      return {
        repo: repo.path,
        check: async ({ evidence }) => {
          expect(await readFile(join(evidence?.cwd ?? '', 'x.big'), 'utf8')).toBe('ABC\n');
          expect(evidence?.filesChanged).toEqual(['made.txt']);
        },
      };
    },
  },
  {
    name: 'the same, where only the repository itself configures the filter',
    make: async (repo) => {
      await repo.git('config', 'filter.upper.smudge', 'tr a-z A-Z');
      await repo.commit('Filtered', { '.gitattributes': '*.big filter=upper\n', 'x.big': 'ABC\n' });
      return { repo: repo.path };
    },
    refused: /itself configures: subagents does not run programs that a repository configures$/,
  },
  {
    name: 'a required filter whose program is not installed',
    trusted: true,
    make: async (repo) => {
      await repo.commit('Filtered', { '.gitattributes': '*.big filter=absent\n', 'x.big': 'abc\n' });
      await repo.git('config', 'filter.absent.smudge', 'no-such-filter-program');
      await repo.git('config', 'filter.absent.required', 'true');
      return { repo: repo.path };
    },
    failed: /the git configuration names no-such-filter-program, which is not installed on this machine$/,
  },
  {
    name: 'pointers of Git LFS, where no filter is configured',
    seen: 'the worktree has the pointers',
    make: async (repo) => {
      const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n';
      await repo.commit('A pointer', { '.gitattributes': '*.big filter=lfs -text\n', 'x.big': pointer });
      return {
        repo: repo.path,
        check: async ({ evidence }) =>
          expect(await readFile(join(evidence?.cwd ?? '', 'x.big'), 'utf8')).toBe(pointer),
      };
    },
  },
  {
    name: 'a post-checkout hook that fails, and a pre-commit hook',
    seen: 'our own git calls run no hook; commits of the subagent run the repository’s',
    make: async (repo, beside, { hooks }) => {
      const hook = async (name: string, script: string): Promise<void> => {
        const path = join(repo.path, '.git/hooks', name);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, `#!/bin/sh\n${script}\n`);
        await chmod(path, 0o755);
      };
      await hook('post-checkout', `touch '${beside('checked-out')}'; exit 1`);
      await hook('pre-commit', `touch '${beside('committed')}'`);
      return {
        repo: repo.path,
        check: async () => {
          // Ours run no hooks; the subagent's own commits do.
          expect(existsSync(beside('checked-out'))).toBe(false);
          expect(existsSync(beside('committed'))).toBe(hooks !== 'none');
        },
      };
    },
  },
  {
    name: 'staged, unstaged and new files that are not committed',
    seen: 'they stay as they are in the checkout, and are not part of it (`--with-changes` includes them)',
    make: async (repo) => {
      await repo.write({ 'README.md': 'changed\n', 'staged.txt': 's', 'new.txt': 'n' });
      await repo.git('add', 'staged.txt');
      const before = await repo.git('status', '--porcelain');
      return {
        repo: repo.path,
        check: async ({ evidence }) => {
          expect(evidence?.filesChanged).toEqual(['made.txt']);
          expect(await repo.git('status', '--porcelain')).toBe(before);
        },
      };
    },
  },
  {
    name: 'a rebase under way',
    seen: 'it stays as it is',
    make: async (repo) => {
      await repo.git('checkout', '--quiet', '-b', 'other');
      await repo.commit('Ours', { 'README.md': 'ours\n' });
      await repo.git('checkout', '--quiet', 'main');
      await repo.commit('Theirs', { 'README.md': 'theirs\n' });
      await repo.git('rebase', '--quiet', 'other').catch(() => undefined);
      expect(existsSync(join(repo.path, '.git/rebase-merge'))).toBe(true);
      return {
        repo: repo.path,
        check: async () => expect(existsSync(join(repo.path, '.git/rebase-merge'))).toBe(true),
      };
    },
  },
  {
    name: 'a branch called subagents',
    make: async (repo) => {
      await repo.git('branch', 'subagents');
      return { repo: repo.path };
    },
    refused:
      /project has a branch called "subagents", so git cannot make branches called subagents\/<label>$/,
  },
  {
    name: 'a partial clone (--filter=blob:none)',
    make: async (repo, beside) => {
      await repo.git('config', 'uploadpack.allowFilter', 'true');
      await repo.git('clone', '--quiet', '--filter=blob:none', `file://${repo.path}`, beside('partial'));
      return { repo: beside('partial') };
    },
  },
  {
    name: 'a clone that borrows its objects (--shared)',
    make: async (repo, beside) => {
      await repo.git('clone', '--quiet', '--shared', repo.path, beside('shared'));
      return { repo: beside('shared') };
    },
  },
  {
    name: 'a repository with SHA-256 ids',
    make: async (repo, beside) => {
      await repo.git('init', '--quiet', '--object-format=sha256', '--initial-branch=main', beside('sha256'));
      await repo.commit('First', { 'a.txt': 'a' }, beside('sha256'));
      return { repo: beside('sha256') };
    },
  },
  {
    name: 'a submodule as the repository',
    make: async (repo, beside) => {
      await repo.git('clone', '--quiet', repo.path, beside('library'));
      await repo.git(...LOCAL, 'submodule', '--quiet', 'add', beside('library'), 'library');
      await repo.commit('A submodule');
      return { repo: join(repo.path, 'library') };
    },
  },
  {
    name: 'a symbolic link to the checkout',
    make: async (repo, beside) => {
      await symlink(repo.path, beside('link'));
      return { repo: beside('link') };
    },
  },
];
