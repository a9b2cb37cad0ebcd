import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  FALLBACK_IDENTITY,
  identityEnvironment,
  usesFallbackIdentity,
} from '../../src/git/trust/identity.ts';
import { temporaryFolder } from '../support/home.ts';
import { temporaryRepository } from '../support/repository.ts';
import { Git } from '../../src/git/git.ts';

afterEach(() => vi.unstubAllEnvs());

const get = async (
  cwd: string,
  key: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> => (await execa('git', ['config', '--get', key], { cwd, env, reject: false })).stdout;

describe('the fallback identity', () => {
  it('gives way to the machine’s own configuration, which stays in force', async () => {
    await using folder = await temporaryFolder();
    await using repo = await temporaryRepository(undefined, { identity: false });
    const system = join(folder.path, 'the "system" \\ config');
    await writeFile(system, '[user]\n\tname = By Machine\n[core]\n\tabbrev = 17\n');
    vi.stubEnv('GIT_CONFIG_SYSTEM', system);
    vi.stubEnv('GIT_CONFIG_GLOBAL', '/dev/null');
    const env = await identityEnvironment(Git.at(folder.path));
    expect(await get(repo.path, 'user.name', env)).toBe('By Machine');
    expect(await get(repo.path, 'core.abbrev', env)).toBe('17');
    expect(await get(repo.path, 'user.email', env)).toBe(FALLBACK_IDENTITY.email);
    expect(await usesFallbackIdentity(Git.at(repo.path))).toBe(true);
    expect((await stat(env.GIT_CONFIG_SYSTEM)).mode & 0o777).toBe(0o600);
    // Asked again by somebody who already has this environment: it does not include itself.
    vi.stubEnv('GIT_CONFIG_SYSTEM', env.GIT_CONFIG_SYSTEM);
    await identityEnvironment(Git.at(folder.path));
    expect(await get(repo.path, 'core.abbrev', env)).toBe('17');
  });

  it('gives way to the user’s, the repository’s and the environment’s', async () => {
    await using folder = await temporaryFolder();
    await using repo = await temporaryRepository(undefined, { identity: false });
    const global = join(folder.path, 'global');
    vi.stubEnv('GIT_CONFIG_GLOBAL', global);
    vi.stubEnv('GIT_CONFIG_NOSYSTEM', '1');
    const env = await identityEnvironment(Git.at(folder.path));
    expect(await usesFallbackIdentity(Git.at(repo.path))).toBe(true);
    await writeFile(global, '[user]\n\tname = By User\n\temail = user@example.com\n');
    expect(await usesFallbackIdentity(Git.at(repo.path))).toBe(false);
    await repo.git('config', 'user.name', 'By Repository');
    expect(await get(repo.path, 'user.name', env)).toBe('By Repository');
    await repo.git('config', 'author.name', FALLBACK_IDENTITY.name);
    expect(await usesFallbackIdentity(Git.at(repo.path))).toBe(true);
    vi.stubEnv('GIT_AUTHOR_NAME', 'By Environment');
    expect(await usesFallbackIdentity(Git.at(repo.path))).toBe(false);
    const { stdout } = await execa('git', ['var', 'GIT_AUTHOR_IDENT'], { cwd: repo.path, env });
    expect(stdout).toMatch(/^By Environment <user@example.com>/);
  });

  it('stands in a file that says what it is', async () => {
    await using folder = await temporaryFolder();
    const { GIT_CONFIG_SYSTEM } = await identityEnvironment(Git.at(folder.path));
    expect(await readFile(GIT_CONFIG_SYSTEM, 'utf8')).toMatch(/^# Written by subagents/);
  });
});
