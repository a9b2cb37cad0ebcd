/** Signing of commits: checks that it works without a prompt, and how to turn it off. */
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SubagentsError } from '../../contract/index.ts';
import type { GitSetting } from '../../environment/unattended.ts';
import { withScratch } from '../../system/scratch-folder.ts';
import { shellQuoted } from '../../system/shell-quote.ts';
import { gitDirs } from '../git-dirs.ts';
import { firstUsefulLine } from '../run.ts';
import type { Git } from '../git.ts';
import { configured, isTrue } from './configuration.ts';

/** Settings that turn off signing, whatever is configured. */
export const UNSIGNED: readonly GitSetting[] = [
  ['commit.gpgSign', 'false'],
  ['tag.gpgSign', 'false'],
];

/** Settings that name a program which signs. */
const SIGNING_PROGRAM = /^gpg\.(.*\.)?(program|defaultkeycommand)$/;

/** Time limit in milliseconds: signing is fast unless it waits for somebody. */
const TIMEOUT_MS = 15_000;

// A wrapper that calls gpg as git does, but without a prompt: the passphrase must be in the agent's cache.
const quiet = (gpg: string): string =>
  `#!/bin/sh\nexec ${shellQuoted(gpg)} --batch --no-tty --pinentry-mode error "$@"\n`;

/**
 * Checks that commits need no passphrase, if they are to be signed: makes a signed commit that is discarded.
 * Nothing prompts at a terminal or on a screen.
 * @returns notes for the caller when signing could not be checked.
 * @throws SubagentsError SIGNING
 */
export async function checkSigning(git: Git): Promise<readonly string[]> {
  const configuration = await git.configuration();
  if (!isTrue(configured(configuration, 'commit.gpgsign'))) return [];
  // A program named by the repository itself is not run here, since a subagent may have written that setting.
  const own = [...configuration.local.keys()].find((key) => SIGNING_PROGRAM.test(key));
  if (own !== undefined) {
    return [
      `${git.cwd} itself configures the program that signs commits (${own}). The program was not tried: it may ask for a passphrase, which nobody can type. --signing off turns signing off`,
    ];
  }
  return withScratch(async (folder) => {
    const gpg = join(folder, 'gpg');
    const { global } = configuration;
    const named = (global.get('gpg.openpgp.program') ?? global.get('gpg.program'))?.at(-1) ?? 'gpg';
    // Another program may not support gpg's options.
    const isGpg = /^gpg2?$/.test(basename(named));
    await writeFile(gpg, quiet(named), { mode: 0o700 });
    const { commonDir } = gitDirs(git.cwd);
    // The empty tree; its id depends on the repository's hash function.
    const tree = await git.run(['hash-object', '-t', 'tree', '--stdin']);
    const answer = await git
      .try(
        [
          ...(isGpg ? ['-c', `gpg.program=${gpg}`] : []),
          'commit-tree',
          '-S',
          '-m',
          'Can this be signed?',
          tree,
        ],
        {
          env: {
            // New objects are written to the scratch folder and removed with it.
            GIT_OBJECT_DIRECTORY: folder,
            GIT_ALTERNATE_OBJECT_DIRECTORIES: join(commonDir, 'objects'),
            GPG_TTY: undefined,
            DISPLAY: undefined,
            WAYLAND_DISPLAY: undefined,
            SSH_ASKPASS: undefined,
            SSH_ASKPASS_REQUIRE: 'never',
          },
          timeoutMs: TIMEOUT_MS,
          copilotSessionId: 'signing',
        },
      )
      .catch((error: unknown) => ({ exitCode: 1, stdout: '', stderr: String(error) }));
    if (answer.exitCode === 0) return [];
    const why = firstUsefulLine(answer.stderr) ?? 'no reason given';
    throw new SubagentsError(
      'SIGNING',
      `git is configured to sign commits in ${git.cwd}, but cannot sign without a prompt: ${why}`,
      {
        remedy: 'Unlock the key first by signing something yourself, or spawn without signing: --signing off',
      },
    );
  });
}
