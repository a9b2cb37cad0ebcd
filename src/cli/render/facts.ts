import { join } from 'node:path';
import { keySourceOf } from '../../keys/key-source.ts';
import { createPrivateFile } from '../../system/files.ts';
import { COPILOT_PATH_VARIABLE, findCopilot } from '../../copilot/runtime/executable.ts';
import { describeModelAccess } from '../../copilot/runtime/model-access.ts';
import type { Context } from '../context.ts';
import { cliFailure } from '../failure.ts';

/**
 * Prints once per home, on stderr, who else can reach its embedded server. With `--json` nothing is printed, and the
 * next command for people prints it.
 */
export function printServerAccess({ output, env }: Context, root: string): void {
  // Without the key, they can neither read messages nor send any that count.
  if (keySourceOf(root, env, 'own') !== undefined) return;
  if (output.json || !createPrivateFile(join(root, 'told-about-access'), '')) return;
  output.note(
    '  This server has no password: other accounts of this machine can reach it, and can run any command as you.',
  );
  output.note(
    '  If that matters, use a server with TLS: subagents worker --address <host:port> (docs/security.md).',
  );
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
