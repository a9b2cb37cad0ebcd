/** What a repository's own configuration names does not run for us; what is configured for all repositories does. */
import { createServer } from 'node:net';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Git } from '../../src/git/git.ts';
import { requireFilters } from '../../src/git/trust/needed-filters.ts';
import { guardOf } from '../../src/git/trust/local-programs.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';

/** Configuration of the user, in a file of its own. */
let ofUser: (key: string, value: string) => Promise<string>;
let repo: Repository;

beforeEach(async () => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
  repo = await temporaryRepository({ 'a.txt': 'a\n' });
  onTestFinished(() => repo[Symbol.asyncDispose]());
  const file = join(repo.path, '..', 'of-user');
  vi.stubEnv('GIT_CONFIG_GLOBAL', file);
  ofUser = (key, value) => repo.git('config', '--file', file, '--add', key, value);
});
afterEach(() => vi.unstubAllEnvs());

const settings = async (): Promise<string[]> =>
  (await guardOf(repo.path)).config.map(([key, value]) => `${key}=${value}`);
const leaves = (name: string): string => `touch '${join(repo.path, '..', name)}'; cat`;
const left = (name: string): boolean => existsSync(join(repo.path, '..', name));

describe('the guard of a call', () => {
  it('is nothing where the repository itself names no program', async () => {
    await ofUser('filter.lfs.clean', 'git-lfs clean');
    expect(await settings()).toEqual([]);
  });

  it('puts what the user has configured, or nothing, in the place of what the repository names', async () => {
    await ofUser('filter.lfs.clean', 'git-lfs clean');
    await repo.git('config', 'filter.lfs.clean', 'evil');
    await repo.git('config', 'filter.own.clean', 'evil');
    await repo.git('config', 'filter.own.required', 'true');
    await repo.git('config', 'merge.own.driver', 'evil');
    await repo.git('config', 'core.sshCommand', 'evil');
    await repo.git('config', 'gpg.program', 'evil');
    await repo.git('config', 'remote.origin.uploadpack', 'evil');
    expect(await settings()).toEqual([
      'core.sshcommand=ssh',
      'filter.lfs.clean=git-lfs clean',
      'filter.own.clean=',
      'filter.own.required=false',
      'merge.own.driver=false',
      'gpg.program=gpg',
      'remote.origin.uploadpack=git-upload-pack',
    ]);
  });

  it('keeps the credential helpers of the user, in their order', async () => {
    await ofUser('credential.helper', 'first');
    await ofUser('credential.https://example.com.helper', 'second');
    await repo.git('config', 'credential.https://example.com.helper', '!evil');
    expect(await settings()).toEqual([
      'credential.helper=',
      'credential.helper=first',
      'credential.https://example.com.helper=second',
    ]);
  });

  it('covers included files, also one that comes later, and the configuration of a worktree', async () => {
    const included = join(repo.path, '..', 'included');
    await repo.git('config', 'include.path', included);
    await repo.git('config', 'extensions.worktreeConfig', 'true');
    expect(await settings()).toEqual([]);
    await writeFile(included, '[filter "one"]\n\tclean = evil\n');
    expect(await settings()).toEqual(['filter.one.clean=']);
    await repo.git('config', '--worktree', 'filter.two.clean', 'evil');
    expect(await settings()).toEqual(['filter.one.clean=', 'filter.two.clean=']);
  });

  it('covers submodules, also one that comes later', async () => {
    expect(await settings()).toEqual([]);
    await repo.git('clone', '--quiet', repo.path, 'nested');
    const within = repo.in(join(repo.path, 'nested'));
    await within('config', 'filter.in.clean', 'evil');
    expect(await settings()).toEqual([]);
    await repo.git('add', 'nested');
    expect(await settings()).toEqual(['filter.in.clean=']);
  });

  it('is found anew once anything was configured, also where the file looks the same', async () => {
    const path = join(repo.path, '.git/config');
    const put = async (content: string): Promise<void> => {
      const { atime, mtime } = await stat(path);
      await writeFile(path, content);
      await utimes(path, atime, mtime);
    };
    await repo.git('config', 'filter.x.notes', 'evil');
    const harmless = await readFile(path, 'utf8');
    for (let round = 0; round < 5; round++) {
      expect(await settings()).toEqual([]);
      await put(harmless.replace('notes', 'clean'));
      expect(await settings()).toEqual(['filter.x.clean=']);
      await put(harmless);
    }
  });

  it.each(['true', 'yes', '1', '0x1', '2k', ''])(
    'covers a worktree that is turned on with %j',
    async (on) => {
      const [path, own] = [join(repo.path, '.git/config'), join(repo.path, '.git/config.worktree')];
      const value = on === '' ? '' : ` = ${on}`;
      await writeFile(path, `${await readFile(path, 'utf8')}[extensions]\n\tworktreeConfig${value}\n`);
      expect(await settings()).toEqual([]);
      await writeFile(own, '[filter "two"]\n\tclean = evil\n');
      expect(await settings()).toEqual(['filter.two.clean=']);
    },
  );

  it('covers the submodule of a submodule, and one whose files are elsewhere', async () => {
    await repo.git('clone', '--quiet', repo.path, 'nested');
    const nested = join(repo.path, 'nested');
    await repo.in(nested)('clone', '--quiet', repo.path, 'below');
    await repo.in(nested)('add', 'below');
    await repo.git('add', 'nested');
    expect(await settings()).toEqual([]);
    await repo.in(join(nested, 'below'))('config', 'filter.below.clean', 'evil');
    expect(await settings()).toEqual(['filter.below.clean=']);
    await rename(join(nested, 'below'), join(repo.path, '..', 'below'));
    expect(await settings()).toEqual([]);
    await repo.in(nested)('config', 'core.worktree', join(repo.path, '..'));
    expect(await settings()).toEqual(['filter.below.clean=']);
  });

  it('is impossible where the name of the setting is not UTF-8: git does not run', async () => {
    const filtered = Buffer.from('* filter=\xff\n', 'latin1');
    await writeFile(join(repo.path, '.gitattributes'), filtered);
    const setting = `[filter "\xff"]\n\tclean = "${leaves('ran')}"\n`;
    const path = join(repo.path, '.git/config');
    await writeFile(path, Buffer.concat([await readFile(path), Buffer.from(setting, 'latin1')]));
    await repo.write({ 'a.txt': 'b\n' });
    await expect(Git.at(repo.path).run(['add', 'a.txt'])).rejects.toThrow(/whose name is not UTF-8/);
    expect(left('ran')).toBe(false);
    await Git.at(repo.path, { trusted: true }).run(['add', 'a.txt']);
    expect(left('ran')).toBe(true);
  });
});

describe('a program of the repository', () => {
  it('does not run, whatever is in the name of its filter', async () => {
    await repo.commit('Filtered', { '.gitattributes': '* filter=a=b.clean\n' });
    await repo.git('config', 'filter.a=b.clean.clean', leaves('ran'));
    await repo.write({ 'a.txt': 'b\n' });
    await Git.at(repo.path).run(['add', 'a.txt']);
    expect(left('ran')).toBe(false);
    await repo.write({ 'a.txt': 'c\n' });
    await Git.at(repo.path, { trusted: true }).run(['add', 'a.txt']);
    expect(left('ran')).toBe(true);
  });

  it('does not run as a proxy of git://, of which the first counts and not the last', async () => {
    const server = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    await writeFile(join(repo.path, '../proxy'), `#!/bin/sh\n${leaves('ran')}\n`, { mode: 0o700 });
    await repo.git('config', 'core.gitProxy', join(repo.path, '../proxy'));
    const url = `git://127.0.0.1:${port}/x`;
    expect((await Git.at(repo.path).try(['ls-remote', url])).exitCode).not.toBe(0);
    expect(left('ran')).toBe(false);
    await Git.at(repo.path, { trusted: true }).try(['ls-remote', url]);
    expect(left('ran')).toBe(true);
  });

  it('runs in the place of none, where the user has configured one of that name', async () => {
    await repo.commit('Filtered', { '.gitattributes': '* filter=known\n' });
    await ofUser('filter.known.clean', leaves('of-all'));
    await repo.git('config', 'filter.known.clean', leaves('of-one'));
    await repo.write({ 'a.txt': 'b\n' });
    await Git.at(repo.path).in(repo.path).with({ env: {} }).run(['add', 'a.txt']);
    expect([left('of-all'), left('of-one')]).toEqual([true, false]);
  });
});

describe('a commit whose files go through a filter', () => {
  const required = (): Promise<void> =>
    repo.git('rev-parse', 'HEAD').then((head) => requireFilters(Git.at(repo.path), head));

  it('is refused where only the repository configures it, with both ways on', async () => {
    await repo.commit('Encrypted', {
      '.gitattributes': '*.key filter=git-crypt\n',
      'b.key': 'b',
      'c.key': 'c',
    });
    await required();
    await repo.git('config', 'filter.git-crypt.smudge', '"git-crypt" smudge');
    await repo.git('config', 'filter.git-crypt.required', 'true');
    await expect(required()).rejects.toMatchObject({
      code: 'LOCAL_FILTER',
      message: `files go through the filter git-crypt, which only ${repo.path} itself configures: subagents does not run programs that a repository configures`,
      remedy:
        `If the filter is yours, configure it for all repositories: git config --global filter.git-crypt.smudge '"git-crypt" smudge' && git config --global filter.git-crypt.required true. ` +
        'If you trust all programs that this repository configures: --trust-repo (trustRepo).',
    });
    await ofUser('filter.git-crypt.smudge', '"git-crypt" smudge');
    await ofUser('filter.git-crypt.required', 'true');
    await required();
  });

  it('is not where no attribute names it, whatever ends alike', async () => {
    await repo.git('config', 'filter.lfs.smudge', 'git-lfs smudge');
    await repo.commit('Another', { '.gitattributes': '*.big filter=lfs2 -filter=lfs\n' });
    await required();
    await repo.commit('Large', { 'below/.gitattributes': '*.big filter=lfs\n' });
    await expect(required()).rejects.toMatchObject({
      remedy: expect.stringContaining('git lfs install. ') as string,
    });
    expect(readFileSync(join(repo.path, '.git/config'), 'utf8')).toContain('lfs');
  });
});
