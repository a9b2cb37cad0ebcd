/** Whether a signature would ask somebody is found out with real keys, and without asking. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { checkSigning } from '../../src/git/trust/signing.ts';
import { temporaryFolder } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository } from '../support/repository.ts';
import { Git } from '../../src/git/git.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
  for (const name of ['SSH_AUTH_SOCK', 'GPG_AGENT_INFO']) vi.stubEnv(name, undefined);
});
afterEach(() => vi.unstubAllEnvs());

/** A folder with the user's own configuration, in which commits are to be signed. */
async function userWith(settings: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const global = join(folder.path, 'gitconfig');
  vi.stubEnv('GIT_CONFIG_GLOBAL', global);
  for (const [key, value] of Object.entries({ 'commit.gpgSign': 'true', ...settings }))
    await execa('git', ['config', '--global', key, value.replaceAll('FOLDER', folder.path)]);
  return folder.path;
}

const sshKey = (folder: string, passphrase: string) =>
  execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-f', join(folder, 'key')]);
const withSsh = () => userWith({ 'gpg.format': 'ssh', 'user.signingKey': 'FOLDER/key' });

describe('a signature', () => {
  it('with an ssh key that has a passphrase is found, and says what to do; one without goes through', async () => {
    await using repo = await temporaryRepository();
    await sshKey(await withSsh(), 'secret');
    await expect(checkSigning(Git.at(repo.path))).rejects.toMatchObject({
      code: 'SIGNING',
      message: expect.stringContaining('but cannot sign without a prompt: ') as string,
      remedy: 'Unlock the key first by signing something yourself, or spawn without signing: --signing off',
    });
    await sshKey(await withSsh(), '');
    expect(await checkSigning(Git.at(repo.path))).toEqual([]);
  });

  it('can be made in a repository with SHA-256 ids', async () => {
    const folder = await withSsh();
    await sshKey(folder, '');
    const path = join(folder, 'sha256');
    await mkdir(path);
    await execa('git', ['init', '--quiet', '--object-format=sha256', path]);
    await execa('git', ['config', 'user.name', 'Dev'], { cwd: path });
    await execa('git', ['config', 'user.email', 'dev@example.com'], { cwd: path });
    expect(await checkSigning(Git.at(path))).toEqual([]);
  });

  it('with a gpg that the user names asks nobody for the passphrase', async () => {
    await using repo = await temporaryRepository();
    const { stdout: gpg } = await execa('which', ['gpg']);
    const folder = await userWith({ 'gpg.program': gpg, 'user.signingKey': 'dev@example.com' });
    const home = join(folder, 'gnupg');
    await mkdir(home, { mode: 0o700 });
    await writeFile(join(folder, 'pinentry'), `#!/bin/sh\ntouch '${folder}/asked'\nexit 1\n`, {
      mode: 0o700,
    });
    await writeFile(join(home, 'gpg-agent.conf'), `pinentry-program ${folder}/pinentry\n`);
    vi.stubEnv('GNUPGHOME', home);
    onTestFinished(async () => void (await execa('gpgconf', ['--homedir', home, '--kill', 'all'])));
    const make = ['--batch', '--pinentry-mode', 'loopback', '--passphrase', 'secret', '--quick-generate-key'];
    await execa(gpg, [...make, 'Dev <dev@example.com>', 'ed25519', 'sign', 'never']);
    // What it remembers of the passphrase goes with it.
    await execa('gpgconf', ['--homedir', home, '--kill', 'all']);
    await expect(checkSigning(Git.at(repo.path))).rejects.toMatchObject({ code: 'SIGNING' });
    expect(existsSync(join(folder, 'asked'))).toBe(false);
  });

  it('by a program that the repository names is not tried, and that is said', async () => {
    await using repo = await temporaryRepository();
    const folder = await userWith({});
    await repo.git('config', 'gpg.program', join(folder, 'evil'));
    await writeFile(join(folder, 'evil'), `#!/bin/sh\ntouch '${folder}/ran'\n`, { mode: 0o700 });
    expect(await checkSigning(Git.at(repo.path))).toEqual([
      expect.stringMatching(
        / itself configures the program that signs commits \(gpg\.program\)\. The program was not tried/,
      ),
    ]);
    expect(existsSync(join(folder, 'ran'))).toBe(false);
  });
});
