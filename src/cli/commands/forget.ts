import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { ForgetJson } from '../json.ts';
import { plural } from '../render/numbers.ts';

/** `subagents worker forget` */
export async function forgetCommand(context: Context, workerId: string): Promise<number> {
  await using subagents = await context.connect();
  const lost = await subagents.forgetWorker(workerId);
  context.output.data({ workerId, lost } satisfies ForgetJson);
  context.output.line(`Gave up worker ${workerId}: ${plural(lost.length, 'subagent')} lost.`);
  for (const { session, label, run } of lost) context.output.line(`  ${session}/${label}@${run}`);
  return EXIT.ok;
}
