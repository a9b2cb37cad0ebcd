import { COPILOT_PATH_VARIABLE, findCopilot } from '../../copilot/runtime/executable.ts';
import { runDemo } from '../../demo/demo.ts';
import { requirePackages, WORKER_PACKAGES } from '../../system/optional-packages.ts';
import type { Context } from '../context.ts';

/** `subagents demo` */
export async function demoCommand(
  context: Context,
  options: { readonly keep?: boolean | undefined },
): Promise<number> {
  const { output, env, interrupt: signal } = context;
  requirePackages('the demo', WORKER_PACKAGES);
  await findCopilot(env[COPILOT_PATH_VARIABLE]);
  // The first Ctrl-C cleans up; a second one cleans up without waiting.
  const hurry = new AbortController();
  context.onSecondInterrupt(() => hurry.abort());
  return await runDemo({
    keep: options.keep === true,
    json: output.json,
    color: output.colors.isColorSupported,
    env,
    signal,
    hurry: hurry.signal,
  });
}
