import { SubagentsError } from '../../contract/errors.ts';
import { SCRIPTS, type Shell } from '../complete/scripts.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { CompletionJson } from '../json.ts';

/** `subagents completion` */
export async function completionCommand(context: Context, shell: string): Promise<number> {
  if (!Object.hasOwn(SCRIPTS, shell)) {
    throw new SubagentsError('BAD_INPUT', `no completion for "${shell}"`, {
      remedy: `name one of ${Object.keys(SCRIPTS).join(', ')}; for example: eval "$(subagents completion bash)"`,
    });
  }
  const known = shell as Shell;
  const script = SCRIPTS[known];
  context.output.data({ shell: known, script } satisfies CompletionJson);
  context.output.line(script.trimEnd());
  return EXIT.ok;
}
