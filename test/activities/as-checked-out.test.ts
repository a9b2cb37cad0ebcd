/** What is verified is what a checkout of the commit writes: also where that differs from what lies in the worktree. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NO_GIT_CONFIGURATION, type Repository } from '../support/repository.ts';
import { Work } from '../support/work.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
  vi.stubEnv('XDG_CONFIG_HOME', '/nonexistent');
});
afterEach(() => vi.unstubAllEnvs());

const CR = String.raw`$(printf '\r')`;
const attributes = (text: string) => (repo: Repository) =>
  repo.commit('Attributes', { '.gitattributes': `${text}\n` });
const filter = { 'filter.up.clean': 'tr A-Z a-z', 'filter.up.smudge': 'tr a-z A-Z' };

interface Case {
  readonly what: string;
  readonly ready?: (repo: Repository) => Promise<unknown>;
  readonly script: string;
  /** Answers differently in the worktree and in a fresh clone. */
  readonly command: string;
  readonly fresh: number;
  readonly configuration?: Record<string, string>;
}

const cases: Case[] = [
  {
    what: 'a file that lacks the line ends that its attributes say',
    ready: attributes('*.bat text eol=crlf'),
    script: 'printf "one\\ntwo\\n" > run.bat',
    command: `grep -q "${CR}" run.bat`,
    fresh: 0,
  },
  {
    what: 'line ends that a commit does not keep',
    ready: attributes('* text=auto'),
    script: 'printf "one\\r\\ntwo\\r\\n" > b.txt',
    command: `grep -q "${CR}" b.txt`,
    fresh: 1,
  },
  {
    what: 'attributes that the subagent adds, for files that lie there already',
    script: 'echo "*.txt text eol=crlf" > .gitattributes',
    command: `grep -q "${CR}" a.txt`,
    fresh: 0,
  },
  {
    what: 'a filter of the user',
    ready: async (repo) => {
      for (const each of Object.entries(filter)) await repo.git('config', ...each);
      await attributes('*.up filter=up')(repo);
    },
    script: 'echo MiXed > m.up',
    command: 'grep -q MIXED m.up',
    fresh: 0,
    configuration: filter,
  },
  {
    what: 'ident',
    ready: attributes('*.id ident'),
    script: "echo '$Id: nothing $' > v.id",
    command: "grep -q 'Id: nothing' v.id",
    fresh: 1,
  },
  {
    what: 'core.autocrlf, set by the subagent',
    script: 'git config core.autocrlf true; printf "one\\r\\ntwo\\r\\n" > b.txt',
    command: `test "$(git -c core.autocrlf=false show HEAD:b.txt)" = "$(cat b.txt)"`,
    fresh: 0,
  },
  {
    what: 'core.eol, set by the subagent',
    ready: attributes('* text=auto'),
    script: 'git config core.eol crlf; printf "one\\r\\ntwo\\r\\n" > b.txt',
    command: `grep -q "${CR}" b.txt`,
    fresh: 1,
  },
  {
    what: 'info/attributes, written by the subagent',
    script:
      'mkdir -p "$(git rev-parse --git-common-dir)/info"; echo "b.txt text eol=crlf" > "$(git rev-parse --git-common-dir)/info/attributes"; printf "one\\r\\ntwo\\r\\n" > b.txt',
    command: `grep -q "${CR}" b.txt`,
    fresh: 1,
  },
  {
    what: 'core.attributesFile, set by the subagent',
    script:
      'echo "b.txt text eol=crlf" > "$(git rev-parse --git-dir)/attr"; git config core.attributesFile "$(git rev-parse --git-dir)/attr"; printf "one\\r\\ntwo\\r\\n" > b.txt',
    command: `grep -q "${CR}" b.txt`,
    fresh: 0,
  },
  {
    what: 'core.symlinks, turned off by the subagent',
    ready: async (repo) => {
      await repo.git('config', 'core.symlinks', 'true');
      await repo.write({ 'target.txt': 'here\n' });
      const { symlink } = await import('node:fs/promises');
      await symlink('target.txt', join(repo.path, 'link'));
      await repo.commit('A link');
    },
    script: 'git config core.symlinks false; rm link; printf target.txt > link',
    command: 'test -L link',
    fresh: 1,
  },
  {
    what: 'core.ignoreCase and a change of case alone',
    script: 'git config core.ignoreCase true; mv a.txt A.txt',
    command: 'test -f A.txt',
    fresh: 0,
  },
  {
    what: 'core.fileMode off and an executable bit that goes',
    ready: async (repo) => {
      await repo.write({ 'run.sh': 'true\n' });
      await repo.git('add', '.');
      await repo.git('update-index', '--chmod=+x', 'run.sh');
      await repo.git('commit', '-qm', 'Run');
      await repo.git('checkout', '--', '.');
    },
    script: 'git config core.fileMode false; chmod -x run.sh',
    command: 'test -x run.sh',
    fresh: 1,
  },
  {
    what: 'an empty folder',
    script: 'mkdir -p empty/deep',
    command: 'test -d empty',
    fresh: 1,
  },
  {
    what: 'an intent to add',
    script: 'echo n > n.txt; git add -N n.txt',
    command: 'test -f n.txt',
    fresh: 0,
  },
  {
    what: 'a split index',
    script: 'git update-index --split-index; git update-index --assume-unchanged a.txt; echo changed > a.txt',
    command: 'grep -q changed a.txt',
    fresh: 0,
  },
  {
    what: 'an fsmonitor that says nothing changed',
    script:
      'printf "#!/bin/sh\\nprintf t\\\\\\\\0" > .git-fsm; chmod +x .git-fsm; git config core.fsmonitor "$PWD/.git-fsm"; git update-index --fsmonitor || true; git status -s || true; rm .git-fsm; echo changed > a.txt',
    command: 'grep -q changed a.txt',
    fresh: 0,
  },
  {
    what: 'a file that became a folder, a folder that became a file',
    script: 'rm a.txt; mkdir a.txt; echo x > a.txt/x; rm -r in; echo f > in',
    command: 'test -f a.txt/x && test -f in',
    fresh: 0,
  },
  {
    what: 'a sparse checkout that the subagent begins',
    script: 'git sparse-checkout set in',
    command: 'test -e out',
    fresh: 0,
  },
  {
    what: 'a sparse checkout with patterns written by hand',
    script:
      'git config extensions.worktreeConfig true; git config --worktree core.sparseCheckout true; mkdir -p "$(git rev-parse --git-dir)/info"; echo "/in/" > "$(git rev-parse --git-dir)/info/sparse-checkout"; git read-tree -mu HEAD',
    command: 'test -e out',
    fresh: 0,
  },
];

it.each(cases)('$what', async ({ ready, script, command, fresh, configuration }) => {
  // A fresh clone has what its user configures there, so the repository is trusted here.
  const work = await Work.begin(ready, { trustRepo: true });
  Object.assign(work.configuration, configuration);
  await work.does(script);
  const { codes, head, unsaved } = await work.verified(command);
  expect({ codes, fresh: await work.fresh(head, command) }).toEqual({ codes: [fresh], fresh: [fresh] });
  expect(unsaved).toEqual([]);
});

describe('sparse patterns', () => {
  const sparse = (repo: Repository) => repo.git('sparse-checkout', 'set', 'in');
  it.each([
    [
      'narrowed',
      'mkdir in/deep in/wide; echo d > in/deep/d; echo w > in/wide/w; g add .; g commit -qm d; git sparse-checkout set in/deep; test ! -e in/wide',
    ],
    ['given up', 'mkdir in/wide; echo w > in/wide/w; git sparse-checkout disable'],
    ['widened', 'mkdir in/wide; echo w > in/wide/w; git sparse-checkout add out'],
  ])('that were %s by the subagent are those that there were', async (_, script) => {
    const work = await Work.begin(sparse);
    await work.does(script);
    const { codes, notes, result } = await work.verified('test -f in/wide/w', 'test ! -e out');
    expect(codes).toEqual([0, 0]);
    expect([...notes, ...result.notes].join()).toContain('sparse');
  });
});

it('says that it verified what a checkout writes, and leaves the worktree as it was', async () => {
  const work = await Work.begin(attributes('* text=auto'));
  await work.does('printf "one\\r\\ntwo\\r\\n" > b.txt; mkdir empty');
  const { result } = await work.verified(`grep -q "${CR}" b.txt`);
  expect(result.notes.join()).toContain('as a checkout writes them, which differ in the worktree: "b.txt"');
  expect(result.problem).toContain('b.txt');
  expect(await readFile(join(work.cwd, 'b.txt'), 'utf8')).toBe('one\r\ntwo\r\n');
  expect(existsSync(join(work.cwd, 'empty'))).toBe(true);
});

it('marks in the index of the user’s own checkout are told and taken off, but for those that were there before', async () => {
  const work = await Work.begin(
    async (repo) => {
      await repo.write({ 'config.local': 'the user’s\n' });
      await repo.commit('More');
      await repo.git('update-index', '--assume-unchanged', 'config.local');
      await repo.git('update-index', '--skip-worktree', 'in/i');
      await repo.write({ 'config.local': 'changed by the user\n' });
    },
    { isolation: 'in-place' },
  );
  await work.does(
    'git update-index --assume-unchanged a.txt; git update-index --skip-worktree out/o; git update-index --assume-unchanged in/i; echo changed > a.txt; echo changed > out/o',
  );
  const { evidence, notes } = await work.bench.collect(work.input, work.workspace);
  expect(evidence.filesChanged).toEqual(['a.txt', 'out/o']);
  expect(notes.join()).toContain(
    'skip-worktree) hid files from git: a.txt, in/i, out/o; the flags were cleared',
  );
  expect((await work.repo.git('ls-files', '-v')).split('\n')).toEqual([
    ...['H .gitignore', 'H a.txt', 'h config.local', 'S in/i', 'H out/o'],
  ]);
});
