import type { Receipt } from '../../client/index.ts';
import { DELIVERIES } from '../../contract/protocol/messages.ts';
import { oneLine } from '../../contract/text/text.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { readText } from '../input.ts';
import type { SteerJson } from '../json.ts';

/** `subagents steer` */
export async function steerCommand(
  context: Context,
  target: string,
  words: readonly string[],
  options: {
    readonly file?: string | undefined;
    readonly interrupt?: boolean | undefined;
    readonly requestId?: string | undefined;
  },
): Promise<number> {
  const message = await readText('message', words, options.file);
  await using subagents = await context.connect();
  const subagent = await subagents.find(target, { session: context.session });
  const receipt = await subagent.steer(message, { interrupt: options.interrupt, id: options.requestId });
  const { session, label, run } = await subagent.identity();
  context.output.data({ session, label, run, receipt } satisfies SteerJson);
  const { colors } = context.output;
  context.output.line(
    `${colors.green('steered')} ${colors.bold(context.targetName({ session, label }))}: ${receiptText(receipt)}`,
  );
  return EXIT.ok;
}

/** Describes how a steer was delivered. */
export function receiptText(receipt: Receipt): string {
  const during = receipt.during === undefined ? '' : ` (was doing: ${oneLine(receipt.during, 120)})`;
  return `${DELIVERIES[receipt.delivery]}${during}`;
}
