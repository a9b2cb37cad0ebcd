import { buildProgram } from '../program.ts';
import { version } from '../../system/version.ts';
import { completions } from './candidates.ts';
import { knownNames } from './names.ts';

/**
 * Prints the candidates for the last of `words`, which is incomplete. Never fails and prints nothing else, because the
 * user is at a prompt.
 */
export async function complete(words: readonly string[]): Promise<number> {
  try {
    const found = await completions(
      buildProgram(version(), () => undefined),
      words,
      knownNames,
    );
    for (const { value, description } of found) {
      process.stdout.write(description === undefined ? `${value}\n` : `${value}\t${description}\n`);
    }
  } catch {
    // No candidates.
  }
  return 0;
}
