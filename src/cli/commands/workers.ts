import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { WorkersJson } from '../json.ts';
import { workersText } from '../render/workers.ts';

/** `subagents workers`. The exit code is 3 when no worker is here. */
export async function workersCommand(context: Context): Promise<number> {
  const { output } = context;
  await using subagents = await context.connect();
  const list = await subagents.workers();
  output.data(list satisfies WorkersJson);
  output.line(workersText(list, { width: output.width, colors: output.colors, now: Date.now() }));
  return list.workers.some(({ presence }) => presence === 'here') ? EXIT.ok : EXIT.unavailable;
}
