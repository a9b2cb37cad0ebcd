/** Builds the environment of set-up and verification commands. */
import type { ShellInput } from '../../src/contract/index.ts';
import { identityEnvironment } from '../../src/git/trust/identity.ts';
import { UNSIGNED } from '../../src/git/trust/signing.ts';
import { cleanEnvironment, passedSecrets } from '../../src/environment/clean.ts';
import { unattended, unattendedEnvironment } from '../../src/environment/unattended.ts';
import { Git } from '../../src/git/git.ts';

/**
 * Returns the worker's environment for a command: without secrets, except the variables that the spawn or the
 * worker passes on; set up so that no program prompts; with an identity for git commits.
 */
export async function commandEnvironment(
  home: { readonly root: string },
  { env = [], unsigned }: ShellInput,
): Promise<Record<string, string>> {
  const clean = cleanEnvironment({ ...process.env, ...(await identityEnvironment(Git.at(home.root))) }, env);
  const given = [...env, ...passedSecrets(process.env)];
  return unattendedEnvironment(clean, unattended(home.root, given), unsigned === true ? UNSIGNED : [], given);
}
