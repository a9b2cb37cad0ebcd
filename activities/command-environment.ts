/** The environment of set-up and verification commands. */
import type { ShellInput } from '../src/contract/index.ts';
import { identityEnvironment } from '../src/git/identity.ts';
import { UNSIGNED } from '../src/git/signing.ts';
import { cleanEnvironment } from '../src/home/environment.ts';

/** The worker's, without its secrets but for those that the spawn names; git in it has somebody to commit as. */
export async function commandEnvironment(
  home: { readonly root: string },
  { env, unsigned }: ShellInput,
): Promise<Record<string, string>> {
  const clean = cleanEnvironment({ ...process.env, ...(await identityEnvironment(home.root)) }, env);
  return { ...clean, ...(unsigned === true && UNSIGNED) };
}
