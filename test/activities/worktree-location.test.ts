/** What lies where a worktree was, after its subagent could do there what it liked: what is not ours is left as it is. */
import { lstatSync } from 'node:fs';
import {
  chmod,
  cp,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { leftoversSubject } from '../../activities/evidence/evidence.ts';
import type { PrepareInput, Workspace } from '../../src/contract/index.ts';
import type { Home } from '../../src/home/home.ts';
import { temporaryFolder, temporaryHome } from '../support/home.ts';
import { asOrdinaryUser } from '../support/ordinary-user.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { specOf, subagentRef, workspaceBench } from '../support/workspace.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

const BRANCH = 'subagents/fix';

interface Work {
  readonly repo: Repository;
  readonly home: Home;
  readonly input: PrepareInput;
  readonly workspace: Workspace;
  readonly cwd: string;
  /** A folder of somebody's beside, with a file in it. */
  readonly other: string;
  collect(): Promise<{ notes: string; head: string; commitCount: number }>;
}

/** A worktree with a commit and a file that is not committed. */
async function begin(): Promise<Work> {
  const repo = await temporaryRepository({ 'a.txt': 'a\n' });
  const home = await temporaryHome();
  const folder = await temporaryFolder();
  onTestFinished(async () => {
    await repo[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });
  const other = join(await realpath(folder.path), 'other');
  await mkdir(other);
  await writeFile(join(other, 'theirs.txt'), 'theirs');
  const input = { subagent: subagentRef(), spec: specOf(repo) };
  const bench = workspaceBench(home);
  const workspace = await bench.prepare(input);
  const { cwd } = workspace;
  await repo.commit('Work', { 'b.txt': 'b' }, cwd);
  await writeFile(join(cwd, 'left.txt'), 'left');
  const collect = async () => {
    const { evidence, notes } = await bench.collect(input, workspace);
    const { head, commitCount } = evidence;
    return { head, commitCount, notes: notes.join('\n') };
  };
  return { repo, home, input, workspace, cwd, other, collect };
}

/** The checkout of the user: its files, its branch, its index and its `.git` are as they were. */
async function untouched({ repo }: Work): Promise<void> {
  expect(lstatSync(join(repo.path, '.git')).isDirectory()).toBe(true);
  expect(await repo.git('status', '--porcelain', '--branch')).toBe('## main');
  expect(await repo.git('rev-parse', 'main')).toBe(repo.first);
  expect(await readFile(join(repo.path, 'a.txt'), 'utf8')).toBe('a\n');
}

/** It is a worktree again, on its branch, and nothing is uncommitted. */
async function whole({ repo, cwd }: Work): Promise<void> {
  expect(lstatSync(cwd).isDirectory()).toBe(true);
  expect(await repo.in(cwd)('status', '--porcelain', '--branch')).toBe(`## ${BRANCH}`);
}

describe('where the worktree was lies', () => {
  it('a symbolic link to the main checkout, whose repository stays where it is', async () => {
    const work = await begin();
    await rm(work.cwd, { recursive: true });
    await symlink(work.repo.path, work.cwd);
    const { notes, commitCount } = await work.collect();
    await untouched(work);
    await whole(work);
    expect(commitCount).toBe(1);
    expect(notes).toContain(
      `a symbolic link to ${work.repo.path} had replaced the worktree: the link was removed, its target was not changed`,
    );
    expect(await readdir(dirname(work.cwd))).toEqual([basename(work.cwd), `${basename(work.cwd)}.json`]);
  });

  it('a symbolic link to where the worktree was moved: it is moved back, with what was not committed', async () => {
    const work = await begin();
    const moved = join(work.other, 'moved');
    await rename(work.cwd, moved);
    await symlink(moved, work.cwd);
    const { notes, commitCount } = await work.collect();
    await whole(work);
    expect(commitCount).toBe(2);
    expect(notes).toContain(`the worktree had been moved to ${moved}; it was moved back`);
    expect(await readdir(work.other)).toEqual(['theirs.txt']);
  });

  it('nothing, since git has moved the worktree: it is moved back', async () => {
    const work = await begin();
    const moved = join(work.other, 'moved');
    await work.repo.git('worktree', 'move', '--force', '--force', work.cwd, moved);
    const { notes, commitCount } = await work.collect();
    await whole(work);
    expect(commitCount).toBe(2);
    expect(notes).toContain(`the worktree had been moved to ${moved}; it was moved back`);
  });

  it('nothing, and its registration is a link to a file of the user: that is not written to', async () => {
    const work = await begin();
    const moved = join(work.other, 'moved');
    await work.repo.git('worktree', 'move', '--force', '--force', work.cwd, moved);
    const registration = join(await work.repo.in(moved)('rev-parse', '--absolute-git-dir'), 'gitdir');
    const theirs = join(work.other, 'gitdir');
    await rename(registration, theirs);
    await symlink(theirs, registration);
    const { notes } = await work.collect();
    await whole(work);
    expect(notes).toContain(`the worktree had been moved to ${moved}; it was moved back`);
    expect(await readFile(theirs, 'utf8')).toBe(`${join(moved, '.git')}\n`);
  });

  it('another repository: it is put aside as it is', async () => {
    const work = await begin();
    await rename(work.cwd, join(work.other, 'moved'));
    await rm(join(work.other, 'moved'), { recursive: true });
    await rename(work.repo.path, `${work.repo.path}-2`);
    await cp(`${work.repo.path}-2`, work.repo.path, { recursive: true });
    await rename(`${work.repo.path}-2`, work.cwd);
    const { notes } = await work.collect();
    await untouched(work);
    await whole(work);
    const aside = `${work.cwd}.left`;
    expect(notes).toContain(`another folder had replaced the worktree: it was moved to ${aside}`);
    expect(await work.repo.in(aside)('status', '--porcelain', '--branch')).toBe('## main');
  });

  it('a file: it is put aside', async () => {
    const work = await begin();
    await rm(work.cwd, { recursive: true });
    await writeFile(work.cwd, 'words');
    const { notes } = await work.collect();
    await whole(work);
    expect(notes).toContain(`a file had replaced the worktree: it was moved to ${work.cwd}.left`);
    expect(await readFile(`${work.cwd}.left`, 'utf8')).toBe('words');
  });

  it('a copy of it: that is its work', async () => {
    const work = await begin();
    await cp(work.cwd, `${work.cwd}-copy`, { recursive: true });
    await rm(work.cwd, { recursive: true });
    await rename(`${work.cwd}-copy`, work.cwd);
    expect(await work.collect()).toMatchObject({ commitCount: 2 });
    await whole(work);
  });

  it('a link at a folder above it: nothing is touched, and that is said', async () => {
    const work = await begin();
    const above = dirname(work.cwd);
    await rename(above, `${above}-moved`);
    await symlink(work.other, above);
    await expect(work.collect()).rejects.toThrow(`${above} is not the folder that was made for the subagent`);
    expect(await readdir(work.other)).toEqual(['theirs.txt']);
  });

  it('a folder that its own user cannot enter: it can be used again', async () => {
    const work = await begin();
    await asOrdinaryUser([dirname(work.repo.path), dirname(work.home.root)], async () => {
      await chmod(work.cwd, 0);
      const { notes } = await work.collect();
      expect(notes).toContain('the folder of the worktree was not accessible: its permissions were restored');
      expect(await work.repo.in(work.cwd)('log', '-1', '--format=%s')).toBe(leftoversSubject('fix'));
    });
  });
});

it('a link at which files lay while a worktree was registered again is not followed', async () => {
  const work = await begin();
  await rename(work.cwd, join(work.other, 'moved'));
  await symlink(work.repo.path, `${work.cwd}.kept`);
  const { commitCount } = await work.collect();
  await untouched(work);
  expect(commitCount).toBe(1);
});

it.each(['set-up', 'verification'])('a link that %s puts in its place is not followed', async (what) => {
  const work = await begin();
  const { head } = await work.collect();
  // What a reset would undo.
  await writeFile(join(work.repo.path, 'a.txt'), 'changed by its user');
  const replace = [`mv "$PWD" "$PWD-moved" && ln -s '${work.repo.path}' "$PWD"`];
  const bench = workspaceBench(work.home);
  if (what === 'set-up') {
    const { notes } = await bench.setUp(work.input, work.workspace, replace);
    expect(notes.join()).toContain(`a symbolic link to ${work.repo.path} had replaced the worktree`);
  } else {
    const { reason } = await bench.verify(work.input, { cwd: work.cwd, head }, replace);
    expect(reason).toContain('The commands replaced the worktree');
  }
  expect(await readFile(join(work.repo.path, 'a.txt'), 'utf8')).toBe('changed by its user');
  expect(await work.repo.git('rev-parse', '--abbrev-ref', 'HEAD')).toBe('main');
  await whole(work);
});

it.each([
  ['with a link in its place', true],
  ['with nothing in its place', false],
])('its registration that was moved is moved back, %s', async (_, linked) => {
  const work = await begin();
  const admin = join(work.repo.path, '.git', 'worktrees', basename(work.cwd));
  await rename(admin, `${admin}-moved`);
  if (linked) await symlink(`${admin}-moved`, admin);
  const { commitCount, notes } = await work.collect();
  expect(commitCount).toBe(2);
  expect(notes).toContain(
    `the registration of the worktree had been moved to ${admin}-moved; it was moved back`,
  );
  expect(await readFile(join(admin, 'logs/HEAD'), 'utf8')).toContain('Work');
  expect(await readdir(dirname(admin))).toEqual([basename(admin)]);
  await whole(work);
  await untouched(work);
});

describe('its branch is', () => {
  it('another name of main: main stays, and its work is on a branch of its own', async () => {
    const work = await begin();
    const tip = await work.repo.git('rev-parse', BRANCH);
    await work.repo.git('symbolic-ref', `refs/heads/${BRANCH}`, 'refs/heads/main');
    const { head, commitCount, notes } = await work.collect();
    await untouched(work);
    expect(commitCount).toBe(2);
    expect(await work.repo.git('rev-parse', `${head}^`)).toBe(tip);
    await expect(work.repo.git('symbolic-ref', `refs/heads/${BRANCH}`)).rejects.toThrow();
    expect(notes).toContain(
      `${BRANCH} had become a symbolic reference to refs/heads/main; it is a normal branch again, at ${tip.slice(0, 12)}; refs/heads/main was not changed`,
    );
  });

  it('blocked by one below its name: that one is renamed, also where it is checked out', async () => {
    const work = await begin();
    const tip = await work.repo.git('rev-parse', BRANCH);
    const elsewhere = join(work.other, 'elsewhere');
    await work.repo.in(work.cwd)('branch', '--move', `${BRANCH}/deeper`);
    await work.repo.git('worktree', 'add', '--quiet', '-b', `${BRANCH}/other`, elsewhere);
    const { head, commitCount, notes } = await work.collect();
    expect(commitCount).toBe(2);
    expect(await work.repo.git('rev-parse', `${head}^`)).toBe(tip);
    await whole(work);
    expect(notes).toContain(
      `the branch ${BRANCH}/deeper prevented git from making ${BRANCH}; it was renamed to ${BRANCH}-aside`,
    );
    expect(await work.repo.in(elsewhere)('symbolic-ref', 'HEAD')).toBe(`refs/heads/${BRANCH}-aside-2`);
  });

  it.each([
    ['empty', ''],
    ['nonsense', 'zzz\n'],
    ['at a commit that is not there', `${'12'.repeat(20)}\n`],
  ])(
    '%s, as after a power failure: it is where it was, and a broken one of somebody else stays',
    async (_, text) => {
      const work = await begin();
      const tip = await work.repo.git('rev-parse', BRANCH);
      const heads = join(work.repo.path, '.git/refs/heads');
      await writeFile(join(heads, BRANCH), text);
      await writeFile(join(heads, 'theirs'), text);
      const { head, commitCount, notes } = await work.collect();
      expect(commitCount).toBe(2);
      expect(await work.repo.git('rev-parse', `${head}^`)).toBe(tip);
      expect(notes).toContain(`the branch is at its last commit, ${tip.slice(0, 12)}, again`);
      expect(await readFile(join(heads, 'theirs'), 'utf8')).toBe(text);
    },
  );

  it('not what its HEAD names, which is nothing', async () => {
    const work = await begin();
    await writeFile(join(work.repo.path, '.git/worktrees', basename(work.cwd), 'HEAD'), 'nonsense');
    expect(await work.collect()).toMatchObject({ commitCount: 2 });
    await whole(work);
  });

  it('another name of what is not there', async () => {
    const work = await begin();
    await work.repo.git('symbolic-ref', `refs/heads/${BRANCH}`, 'refs/heads/nowhere');
    expect(await work.collect()).toMatchObject({ commitCount: 2 });
    expect(await work.repo.git('branch', '--format=%(refname:short)')).toBe(`main\n${BRANCH}`);
  });

  it('not what is checked out, which is main: main stays', async () => {
    const work = await begin();
    await work.repo.in(work.cwd)('symbolic-ref', 'HEAD', 'refs/heads/main');
    await work.collect();
    await untouched(work);
    await whole(work);
  });
});
