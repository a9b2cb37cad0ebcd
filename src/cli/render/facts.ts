import { join } from 'node:path';
import { isSourceNamed, homeRingPath, keySourceOf } from '../../keys/key-source.ts';
import { createPrivateFile } from '../../system/files.ts';
import { COPILOT_PATH_VARIABLE, findCopilot } from '../../copilot/runtime/executable.ts';
import { describeModelAccess } from '../../copilot/runtime/model-access.ts';
import type { Context } from '../context.ts';
import { cliFailure } from '../failure.ts';

/**
 * Prints once per home, on stderr, who else can read and use its embedded server: nobody without its key, or everybody. With
 * `--json` nothing is printed, and the next command for people prints it.
 */
export function printServerAccess({ output, env }: Context, root: string): void {
  const isEncrypted = keySourceOf(root, env, 'own') !== undefined;
  // A ring that was put elsewhere has been met.
  if (isEncrypted && isSourceNamed(env)) return;
  if (
    output.json ||
    !createPrivateFile(join(root, isEncrypted ? 'told-about-keys' : 'told-about-access'), '')
  )
    return;
  if (isEncrypted) {
    output.note(`  Messages on this server are encrypted, with the key in ${homeRingPath(root)}.`);
    output.note('  Keep a copy elsewhere: subagents keys backup > keys-backup.json (docs/keys.md).');
    return;
  }
  output.note(
    '  This server has no password, and its messages are not encrypted: other accounts of this machine can reach it, and can run any command as you.',
  );
  output.note('  To encrypt them: subagents down, subagents keys init, subagents up (docs/keys.md).');
}

/** The pools of a worker, and what that means for its owner. */
export const poolsText = (pools: readonly string[], user: string): string =>
  pools.length === 0
    ? 'none: it takes the subagents of this host and user alone (--pool joins one)'
    : `${pools.join(', ')}: it runs what anybody with access to this server sends there, with the rights of ${user}`;

/** Prints the model, or that there is no model or no Copilot CLI. */
export async function printModelAccess({ output, env }: Context): Promise<void> {
  const { colors } = output;
  try {
    await findCopilot(env[COPILOT_PATH_VARIABLE]);
  } catch (error) {
    const { message, remedy } = cliFailure(error);
    output.fact('Copilot', colors.yellow(message));
    output.fact('', `${colors.cyan('→')} ${remedy ?? 'install it again'}`);
  }
  const { kind, description, remedy } = await describeModelAccess(env);
  output.fact('model', kind === 'none' ? colors.yellow(`none: ${description}`) : description);
  if (remedy !== undefined) output.fact('', `${colors.cyan('→')} ${remedy}`);
}
