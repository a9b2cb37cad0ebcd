import { runDemo } from '../../demo/demo.ts';
import type { Context } from '../context.ts';

/** `subagents demo` */
export async function demo(
  context: Context,
  options: { readonly keep?: boolean | undefined },
): Promise<number> {
  const { output, env, interrupt: signal } = context;
  // The first Ctrl-C puts everything away; a second one does so without waiting for anybody.
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
